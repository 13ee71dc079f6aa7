//! What a look at one part of the installation says, for `flexprice doctor`.

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// In order.
    Good(String),
    /// The server starts, yet this deserves a look.
    Warning(String),
    /// The server would not start.
    Bad(String),
}

/// A finding and what it is about.
pub type Check = (&'static str, Finding);
