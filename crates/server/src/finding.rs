//! What a look at one part of the installation says, for `flexprice doctor` and `flexprice check`.

use std::fmt::Write as _;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// In order.
    Good(String),
    /// The server works, yet this deserves a look.
    Warning(String),
    /// The server would not start, or not work.
    Bad(String),
}

/// A finding and what it is about.
pub type Check = (&'static str, Finding);

/// A line for each finding.
#[must_use]
pub fn lines(checks: &[Check]) -> String {
    let mut text = String::new();
    for (subject, finding) in checks {
        let (mark, said) = match finding {
            Finding::Good(said) => ("ok  ", said),
            Finding::Warning(said) => ("warn", said),
            Finding::Bad(said) => ("FAIL", said),
        };
        // Text takes every line.
        let _taken = writeln!(text, "{mark}  {subject}: {said}");
    }
    text
}

/// How many findings are bad.
#[must_use]
pub fn bad(checks: &[Check]) -> usize {
    checks.iter().filter(|(_, finding)| matches!(finding, Finding::Bad(_))).count()
}
