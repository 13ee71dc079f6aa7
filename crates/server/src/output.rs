//! Standard output: what a command was asked for. Logs and failures go to standard error.

use std::io::{self, Write};

/// Writes a text and flushes, so that a reader of a pipe sees it at once.
///
/// # Errors
/// When standard output is closed or full.
pub fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
