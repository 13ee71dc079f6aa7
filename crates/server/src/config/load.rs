//! Reading the layers into one value per key, each with its source.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value as Json;

use super::environment::Environment;
use super::file::{self, FileValues};
use super::key::{Key, Status, env_name_of};
use super::names;
use super::problem::{Problem, Problems};
use super::sections::{self, Config};
use super::settings::{Entry, Settings};
use super::source::Source;

/// What to read from. [`Inputs::of_process`] is the real one; tests make their own.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Working directory, below which `.env` and the file are looked for.
    pub dir: PathBuf,
    /// Variables of the process.
    pub env: BTreeMap<String, String>,
    /// File given on the command line.
    pub config_file: Option<PathBuf>,
    /// Options of the command line that set a key; strongest of all.
    pub overrides: Vec<Override>,
}

/// A key set on the command line.
#[derive(Debug, Clone)]
pub struct Override {
    /// The key.
    pub path: &'static str,
    /// Its value.
    pub value: String,
    /// The option, such as `--address`.
    pub flag: &'static str,
}

impl Inputs {
    /// The process's own environment and working directory.
    #[must_use]
    pub fn of_process(config_file: Option<PathBuf>, overrides: Vec<Override>) -> Self {
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        let env = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Self { dir: PathBuf::new(), env, config_file, overrides }
    }
}

/// A configuration as read.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Typed, for the components.
    pub config: Config,
    /// By key, with sources.
    pub settings: Settings,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// What deserves a look: unknown names, names without effect.
    pub warnings: Vec<String>,
}

/// Reads defaults, file, environment and command line, each over the one before.
///
/// # Errors
/// [`Problems`] with everything that cannot be read or is not of its form.
pub fn load(inputs: &Inputs) -> Result<Loaded, Problems> {
    let known: BTreeMap<&'static str, &'static Key> =
        sections::tables().into_iter().flat_map(|(_, keys)| keys).map(|key| (key.path, key)).collect();
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let environment = Environment::layer(&inputs.env, &inputs.dir, &mut problems);

    let asked = inputs.config_file.clone().or_else(|| environment.get(CONFIG_ENV).map(|(path, _)| PathBuf::from(path)));
    let file = file::find(&inputs.dir, asked.as_deref());
    let file_values = match file.as_deref().map(|path| file::read(path, &known)) {
        Some(Ok(values)) => values,
        Some(Err(problem)) => {
            problems.push(problem);
            FileValues::default()
        }
        None => FileValues::default(),
    };
    warn_of_file(&file_values, &known, &mut warnings);
    warn_of_environment(&environment, &known, &mut warnings);

    let mut settings = Settings::default();
    for (path, key) in &known {
        let from_file = file_values.values.get(path).zip(file.clone()).map(|(given, file)| (given.clone(), Source::File(file)));
        let set = strongest(key, inputs, &environment).or(from_file);
        match set.map_or_else(|| Ok(default_entry(key)), |(given, source)| read_entry(key, &given, source)) {
            Ok(entry) => settings.insert(entry),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    warn_of_planned(&settings, &mut warnings);
    Ok(Loaded { config: Config::read(&settings), settings, file, warnings })
}

/// Names the file to read, as `--config` does.
const CONFIG_ENV: &str = "FLEXPRICE_CONFIG";

/// Where a server is and which key it takes: for clients such as `flexprice demo`.
const CLIENT_ENV: [&str; 2] = ["FLEXPRICE_URL", "FLEXPRICE_API_KEY"];

/// The command line, else the first environment name that is set: a bare name, the usual one, the one of an earlier release.
fn strongest(key: &Key, inputs: &Inputs, environment: &Environment) -> Option<(Json, Source)> {
    if let Some(set) = inputs.overrides.iter().rev().find(|set| set.path == key.path) {
        return Some((set.value.as_str().into(), Source::Flag(set.flag)));
    }
    let older = names::older_path(key.path).filter(|_| !key.is_file_only).map(|path| env_name_of(&path));
    key.env_names().into_iter().chain(older).find_map(|name| {
        let (text, source) = environment.get(&name)?;
        Some((text.into(), source))
    })
}

fn default_entry(key: &'static Key) -> Entry {
    Entry { key, value: key.default_value(), source: Source::Default }
}

fn read_entry(key: &'static Key, given: &Json, source: Source) -> Result<Entry, Problem> {
    // An empty text leaves everything unset that cannot be empty.
    if given.as_str().is_some_and(|text| text.trim().is_empty()) && key.kind.read_text("").is_none() {
        return Ok(default_entry(key));
    }
    let Some(value) = key.kind.read(given) else {
        return Err(Problem::value(key, given, source, key.kind.allowed()));
    };
    match (key.check)(&value) {
        Ok(()) => Ok(Entry { key, value, source }),
        Err(allowed) => Err(Problem::value(key, given, source, allowed)),
    }
}

fn warn_of_file(values: &FileValues, known: &BTreeMap<&'static str, &'static Key>, warnings: &mut Vec<String>) {
    for path in &values.unknown {
        let hint = names::closest(path, known.keys().copied()).map_or_else(String::new, |name| format!("; did you mean {name}?"));
        warnings.push(format!("the file sets {path}, which no key has{hint}"));
    }
    for path in &values.retired {
        warnings.push(format!("the file sets {path}, which no longer means anything; it is ignored"));
    }
}

/// Nobody may think that a key does something that does nothing yet.
fn warn_of_planned(settings: &Settings, warnings: &mut Vec<String>) {
    let is_without_effect =
        |entry: &&Entry| entry.key.status == Status::Planned && entry.source != Source::Default && entry.value != entry.key.default_value();
    for entry in settings.entries().filter(is_without_effect) {
        warnings.push(format!(
            "{} is set by {}, but this release has no part yet that reads it: it is without effect",
            entry.key.path, entry.source
        ));
    }
}

fn warn_of_environment(environment: &Environment, known: &BTreeMap<&'static str, &'static Key>, warnings: &mut Vec<String>) {
    let names: Vec<String> = known.values().flat_map(|key| key.env_names()).collect();
    let older: Vec<String> = known.keys().filter_map(|path| names::older_path(path)).map(|path| env_name_of(&path)).collect();
    let is_no_key = |name: &str| name == CONFIG_ENV || CLIENT_ENV.contains(&name);
    for name in environment.names().filter(|name| name.starts_with("FLEXPRICE_") && !is_no_key(name)) {
        let is_known = |list: &[String]| list.iter().any(|known| known == name);
        if is_known(&names) || is_known(&older) {
            continue;
        }
        if names::is_retired_env(name) {
            warnings.push(format!("{name} no longer means anything; it is ignored"));
            continue;
        }
        let hint =
            names::closest(name, names.iter().map(String::as_str)).map_or_else(String::new, |known| format!("; did you mean {known}?"));
        warnings.push(format!("{name} is set, but no key has this name{hint}"));
    }
}
