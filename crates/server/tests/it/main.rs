//! The shell from outside: configuration by its public functions, the binary by its command line.

mod broken;
#[cfg(feature = "cluster")]
mod cluster;
mod command_line;
mod configuration;
mod connections;
mod demo;
mod documents;
mod event_choices;
mod faults;
mod graceful_stop;
mod observation;
mod private_files;
mod readers;
mod secure_defaults;
mod support;
mod trail;
