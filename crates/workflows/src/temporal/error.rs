//! What can go wrong between this process and the workflow server.

/// Why the workflow server did not do as asked. Due work itself is data: it is found again once the server answers.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// An option makes no sense.
    #[error("workflow options: {0}")]
    Options(String),
    /// The server did not answer in time.
    #[error("temporal at {address} does not answer after {attempts} attempts: {cause}")]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// How often.
        attempts: u32,
        /// What the last attempt said.
        cause: String,
    },
    /// The server refused or failed a call.
    #[error("temporal refused to {what}: {cause}")]
    Refused {
        /// What it was asked.
        what: String,
        /// Its answer.
        cause: String,
    },
    /// A worker cannot be set up: a defect, or a limit of the machine.
    #[error("a workflow worker cannot start: {0}")]
    Worker(String),
}

impl EngineError {
    pub(super) fn refused(what: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self::Refused { what: what.into(), cause: cause.to_string() }
    }
}
