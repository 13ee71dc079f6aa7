//! Exit codes: one per kind of failure, so that scripts can tell them apart.

use std::process::ExitCode;

use crate::config::Problems;

/// Why a command ended without success.
#[derive(Debug)]
pub enum Failure {
    /// Something failed while running. Code 1.
    Run(anyhow::Error),
    /// The configuration is refused. Code 3.
    Config(Problems),
    /// `doctor` found something that keeps the server from starting; it has said what. Code 4.
    Unhealthy,
    /// `check` found a store that is damaged or does not answer; it has said which. Code 5.
    Unsound,
    /// A second signal ended the process before it had drained. Code 130.
    Interrupted,
}

impl Failure {
    /// The exit code. 2 is left to the command line parser: a wrong command line.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Run(_) => 1,
            Self::Config(_) => 3,
            Self::Unhealthy => 4,
            Self::Unsound => 5,
            Self::Interrupted => 130,
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Run(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Run(error.into())
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Config(problems)
    }
}

/// Says on standard error what went wrong, with its causes, and gives the code.
pub fn report(failure: &Failure) -> ExitCode {
    match failure {
        // Who reads our output went away (`flexprice config | head`): nothing to say, and nobody to say it to.
        Failure::Run(error) if is_broken_pipe(error) => return ExitCode::SUCCESS,
        Failure::Run(error) => eprintln!("flexprice: {error:#}"),
        Failure::Config(problems) => eprintln!("flexprice: {problems}"),
        Failure::Unhealthy | Failure::Unsound => {}
        Failure::Interrupted => eprintln!("flexprice: stopped at once by a second signal"),
    }
    ExitCode::from(failure.code())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
