//! Progress on standard error: bars on a terminal, one line per finished step everywhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const STYLE: &str = "{msg:>10} [{bar:40}] {human_pos} of {human_len}, {elapsed} gone, {eta} left";

/// Where the demo stands.
pub(super) struct Progress {
    style: ProgressStyle,
}

impl Progress {
    pub(super) fn new() -> Self {
        let style = ProgressStyle::with_template(STYLE).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { style: style.progress_chars("=> ") }
    }

    /// A bar for a step of a known length; invisible where standard error is no terminal.
    pub(super) fn bar(&self, label: &'static str, length: usize) -> ProgressBar {
        let bar = ProgressBar::new(length as u64).with_style(self.style.clone()).with_message(label);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// A step is done.
    pub(super) fn done(&self, said: &str) {
        eprintln!("{said}");
    }
}
