//! The binary `flexprice`: command line, configuration, logging, metrics, and the HTTP server around the API's router.

pub mod cli;

pub mod config;

pub mod commands;

pub mod finding;

/// The one place that joins this shell to the stores, the use cases and the API.
pub mod wiring;

pub mod gate;

pub mod serve;

pub mod connections;

pub mod descriptors;

pub mod demo;

pub mod signals;

pub mod logging;

pub mod metrics;

pub mod exit;

pub mod output;

pub mod private_files;
