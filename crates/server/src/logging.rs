//! Log lines on standard error: JSON for machines, compact text for people. Standard output stays free for what was asked.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::config::sections::Logging;
use crate::config::{LogFormat, LogLevel};

/// Starts logging. Later calls in the same process change nothing, which tests rely on.
pub fn init(logging: &Logging) {
    let layer = if is_json(logging.format, io::stderr().is_terminal()) {
        fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(io::stderr).boxed()
    } else {
        fmt::layer().compact().with_ansi(io::stderr().is_terminal()).with_writer(io::stderr).boxed()
    };
    let _already_started = tracing_subscriber::registry().with(layer.with_filter(filter(logging))).try_init();
}

fn is_json(format: LogFormat, is_terminal: bool) -> bool {
    match format {
        LogFormat::Json => true,
        LogFormat::Compact => false,
        LogFormat::Auto => !is_terminal,
    }
}

/// SQL has a level of its own; the HTTP machinery below us speaks only of failures unless everything is traced.
fn filter(logging: &Logging) -> Targets {
    let level = level_of(logging.level);
    let machinery = if logging.level == LogLevel::Trace { level } else { LevelFilter::WARN.min(level) };
    Targets::new()
        .with_default(level)
        .with_target("sqlx", level_of(logging.db_level))
        .with_targets(["hyper", "hyper_util", "h2", "tower"].map(|target| (target, machinery)))
}

fn level_of(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn logging(level: LogLevel, db_level: LogLevel) -> Logging {
        let config = crate::config::load(&crate::config::Inputs::default()).expect("defaults load").config;
        Logging { level, db_level, ..config.logging }
    }

    #[test]
    fn auto_is_json_away_from_a_terminal() {
        assert!(is_json(LogFormat::Auto, false) && !is_json(LogFormat::Auto, true));
        assert!(is_json(LogFormat::Json, true) && !is_json(LogFormat::Compact, false));
    }

    #[test]
    fn sql_and_machinery_have_levels_of_their_own() {
        let filter = filter(&logging(LogLevel::Debug, LogLevel::Error));
        assert!(filter.would_enable("api::routes", &Level::DEBUG));
        assert!(filter.would_enable("sqlx::query", &Level::ERROR) && !filter.would_enable("sqlx::query", &Level::WARN));
        assert!(filter.would_enable("hyper::proto", &Level::WARN) && !filter.would_enable("hyper::proto", &Level::DEBUG));
    }

    #[test]
    fn an_error_level_silences_machinery_too() {
        assert!(!filter(&logging(LogLevel::Error, LogLevel::Error)).would_enable("hyper", &Level::WARN));
    }
}
