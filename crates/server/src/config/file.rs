//! The YAML file: where it is looked for, and how its tree becomes values of known keys.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use serde_norway::Value as Yaml;

use super::key::Key;
use super::names;
use super::problem::Problem;

/// Searched in this order below the working directory; the first that exists is read.
pub(super) const SEARCHED: [&str; 2] = ["internal/config/config.yaml", "config/config.yaml"];

/// What a file said.
#[derive(Debug, Default)]
pub(super) struct FileValues {
    /// Values by the path of their key.
    pub(super) values: BTreeMap<&'static str, Json>,
    /// Paths that no key has.
    pub(super) unknown: Vec<String>,
    /// Paths of retired parts.
    pub(super) retired: Vec<String>,
}

/// The file to read: the one asked for, else the first of [`SEARCHED`] that exists.
pub(super) fn find(dir: &Path, asked: Option<&Path>) -> Option<PathBuf> {
    match asked {
        Some(path) => Some(dir.join(path)),
        None => SEARCHED.iter().map(|name| dir.join(name)).find(|path| path.is_file()),
    }
}

/// Reads a file.
pub(super) fn read(path: &Path, known: &BTreeMap<&'static str, &'static Key>) -> Result<FileValues, Problem> {
    let refuse = |reason: String| Problem::File { path: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    parse(&text, known).map_err(refuse)
}

fn parse(text: &str, known: &BTreeMap<&'static str, &'static Key>) -> Result<FileValues, String> {
    let mut found = FileValues::default();
    match serde_norway::from_str::<Yaml>(text).map_err(|error| format!("is not valid YAML: {error}"))? {
        Yaml::Null => {}
        Yaml::Mapping(tree) => walk("", &Yaml::Mapping(tree), known, &mut found)?,
        _ => return Err("must be a mapping of sections".into()),
    }
    Ok(found)
}

fn walk(path: &str, node: &Yaml, known: &BTreeMap<&'static str, &'static Key>, found: &mut FileValues) -> Result<(), String> {
    let present = names::present_path(path);
    let given_older = present.is_some();
    if let Some((path, _)) = known.get_key_value(present.as_deref().unwrap_or(path)) {
        let given: Json = serde_norway::from_value(node.clone()).map_err(|error| format!("{path}: {error}"))?;
        // Null leaves a key unset. The present name wins over the older one, whichever comes first.
        if given_older && !given.is_null() {
            found.values.entry(path).or_insert(given);
        } else if !given.is_null() {
            found.values.insert(path, given);
        }
        return Ok(());
    }
    match node {
        Yaml::Null => {}
        Yaml::Mapping(map) if path.is_empty() || is_branch(path, known) => {
            for (name, child) in map {
                let name = name.as_str().ok_or_else(|| format!("a name below `{path}` is not text"))?.to_ascii_lowercase();
                let child_path = if path.is_empty() { name } else { format!("{path}.{name}") };
                walk(&child_path, child, known, found)?;
            }
        }
        _ if names::is_retired_path(path) => found.retired.push(path.to_owned()),
        _ if is_branch(path, known) => return Err(format!("{path}: must be a mapping")),
        _ => found.unknown.push(path.to_owned()),
    }
    Ok(())
}

/// Some key lies below this path.
fn is_branch(path: &str, known: &BTreeMap<&'static str, &'static Key>) -> bool {
    let below = |path: &str| known.keys().any(|key| key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')));
    below(path) || names::present_path(&format!("{path}.x")).is_some()
}
