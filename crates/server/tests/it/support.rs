//! A directory of its own for each test, and the binary in it with nothing of the caller's environment.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use server::config::{Inputs, Loaded, Problems, load};
use tempfile::TempDir;

/// A working directory with files and variables.
pub(crate) struct Place {
    dir: TempDir,
    env: BTreeMap<String, String>,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: TempDir::new().expect("a directory"), env: BTreeMap::new() }
    }

    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(path, text).expect("written");
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn inputs(&self) -> Inputs {
        Inputs { dir: self.path().to_owned(), env: self.env.clone(), config_file: None, overrides: vec![] }
    }

    pub(crate) fn load(&self) -> Result<Loaded, Problems> {
        load(&self.inputs())
    }

    pub(crate) fn loaded(&self) -> Loaded {
        self.load().unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// The binary in this place.
    pub(crate) fn flexprice(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flexprice"));
        command.current_dir(self.path()).env_clear().envs(&self.env).args(args);
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.flexprice(args).output().expect("the binary runs").into()
    }
}

/// How the binary ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Fails with the text when a part is missing.
pub(crate) fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing from:\n{text}");
    }
}
