//! The environment as this process sees it: its own variables over `.env.local` over `.env`.
//!
//! A variable that exists is never overwritten by a weaker layer, even when it is empty; an empty one then counts as unset.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::dotenv;
use super::problem::Problem;
use super::source::Source;

/// Variables with their origin.
#[derive(Debug, Default)]
pub(super) struct Environment {
    vars: BTreeMap<String, (String, Source)>,
}

impl Environment {
    /// Layers the files of `dir` below the process's variables. A file that cannot be read or understood is a problem.
    pub(super) fn layer(process: &BTreeMap<String, String>, dir: &Path, problems: &mut Vec<Problem>) -> Self {
        let own = process.iter().map(|(name, value)| (name.clone(), (value.clone(), Source::Env(name.clone()))));
        let mut vars: BTreeMap<_, _> = own.collect();
        for file in [".env.local", ".env"] {
            for (name, value) in read(&dir.join(file), problems) {
                let source = Source::DotEnv { name: name.clone(), file };
                vars.entry(name).or_insert((value, source));
            }
        }
        Self { vars }
    }

    /// The value of a variable that is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<(&str, Source)> {
        self.vars.get(name).filter(|(value, _)| !value.is_empty()).map(|(value, source)| (value.as_str(), source.clone()))
    }

    /// Names of all variables.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.vars.keys().map(String::as_str)
    }
}

/// The last of several lines for one name wins.
fn read(path: &Path, problems: &mut Vec<Problem>) -> BTreeMap<String, String> {
    let parsed = match fs::read_to_string(path) {
        Ok(text) => dotenv::parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeMap::new(),
        Err(error) => Err(error.to_string()),
    };
    match parsed {
        Ok(pairs) => pairs.into_iter().collect(),
        Err(reason) => {
            problems.push(Problem::File { path: path.to_owned(), reason });
            BTreeMap::new()
        }
    }
}
