//! Where a value came from, so that nobody has to guess.

use std::fmt;
use std::path::PathBuf;

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Built in.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// A variable of the process environment.
    Env(String),
    /// A variable of `.env` or `.env.local`.
    DotEnv {
        /// Name of the variable.
        name: String,
        /// `.env` or `.env.local`.
        file: &'static str,
    },
    /// An option of the command line.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => write!(f, "env {name}"),
            Self::DotEnv { name, file } => write!(f, "{file} {name}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}
