//! One row of the key table: everything that is known about a key besides its value.

use super::kind::Kind;
use super::setting::Setting;
use super::value::Value;

/// Whether a component of this build reads a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Read at start; changing it changes what the process does.
    Used,
    /// Known, checked and shown, but read by no component of this build yet.
    Planned,
}

/// A key of the configuration tree, such as `server.address`.
#[derive(Debug)]
pub struct Key {
    /// Dotted path in the YAML file.
    pub path: &'static str,
    /// The form its values take.
    pub kind: Kind,
    /// Default, written as it would be in the environment.
    pub default: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Masked wherever the value would be printed.
    pub is_secret: bool,
    /// Read by this build or not yet.
    pub status: Status,
    /// Set only in the file: a tree that no plain environment variable can carry.
    pub is_file_only: bool,
    /// An unprefixed environment name that wins over the usual one.
    bare_env: Option<&'static str>,
    /// The whole environment name where it breaks the naming rule.
    odd_env: Option<&'static str>,
    /// Checks beyond the form, done by the type that the value is read into.
    pub(super) check: fn(&Value) -> Result<(), String>,
}

impl Key {
    pub(super) const fn new<T: Setting>(path: &'static str, default: &'static str, about: &'static str) -> Self {
        Self {
            path,
            kind: T::KIND,
            default,
            about,
            is_secret: T::IS_SECRET,
            status: Status::Planned,
            is_file_only: false,
            bare_env: None,
            odd_env: None,
            check: |value| T::read(value).map(drop),
        }
    }

    pub(super) const fn used(mut self) -> Self {
        self.status = Status::Used;
        self
    }

    pub(super) const fn planned(mut self) -> Self {
        self.status = Status::Planned;
        self
    }

    pub(super) const fn at_least(mut self, least: i64) -> Self {
        if let Kind::Whole { max, .. } = self.kind {
            self.kind = Kind::Whole { min: least, max };
        }
        self
    }

    pub(super) const fn one_of(mut self, choices: &'static [&'static str]) -> Self {
        self.kind = Kind::OneOf(choices);
        self
    }

    pub(super) const fn file_only(mut self) -> Self {
        self.is_file_only = true;
        self
    }

    pub(super) const fn bare_env(mut self, name: &'static str) -> Self {
        self.bare_env = Some(name);
        self
    }

    pub(super) const fn odd_env(mut self, name: &'static str) -> Self {
        self.odd_env = Some(name);
        self
    }

    /// The environment name by the rule: `FLEXPRICE_` and the path in upper case, dots as underscores.
    #[must_use]
    pub fn env_name(&self) -> String {
        self.odd_env.map_or_else(|| env_name_of(self.path), str::to_owned)
    }

    /// Every environment name that sets this key, strongest first; none for a file-only key.
    #[must_use]
    pub fn env_names(&self) -> Vec<String> {
        if self.is_file_only {
            return Vec::new();
        }
        self.bare_env.map(str::to_owned).into_iter().chain([self.env_name()]).collect()
    }

    /// The default as a value.
    ///
    /// # Panics
    /// When the table itself is wrong, which a test rules out.
    #[must_use]
    pub fn default_value(&self) -> Value {
        match self.kind.read_text(self.default) {
            Some(value) => value,
            None => panic!("the default of {} is not {}", self.path, self.kind.allowed()),
        }
    }

    /// The value for people: masked when secret, so that no log, report or message carries it.
    #[must_use]
    pub fn show(&self, value: &Value) -> String {
        if self.is_secret && !value.is_empty() { MASK.to_owned() } else { value.to_string() }
    }
}

/// What stands for a secret.
pub const MASK: &str = "********";

/// The environment name of a dotted path.
pub(super) fn env_name_of(path: &str) -> String {
    format!("FLEXPRICE_{}", path.replace('.', "_").to_ascii_uppercase())
}
