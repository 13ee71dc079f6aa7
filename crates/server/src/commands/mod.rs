//! One file per command. A new one is a variant in [`crate::cli`], a file here and a line in [`run`].

mod check;
mod config;
mod demo;
mod doctor;
#[cfg(feature = "cluster")]
mod kafka;
mod migrate;
mod openapi;
mod serve;

use crate::cli::{Cli, Command, Options};
use crate::config::{self as configuration, Loaded};
use crate::exit::Failure;
use crate::private_files;

/// Runs the command.
///
/// # Errors
/// A [`Failure`], whose code the process ends with.
pub fn run(cli: Cli) -> Result<(), Failure> {
    private_files::make_private();
    let Cli { options, command } = cli;
    match command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(&options),
        Command::Migrate => migrate::run(&options),
        Command::Config(args) => config::run(&options, &args),
        Command::Openapi(args) => openapi::run(&args),
        Command::Doctor => doctor::run(&options),
        Command::Check => check::run(&options),
        #[cfg(feature = "cluster")]
        Command::Kafka(command) => kafka::run(&options, &command),
        Command::Demo(args) => demo::run(&args),
    }
}

/// Reads and checks the configuration: the first step of every command that works on stores.
fn configured(options: &Options) -> Result<Loaded, Failure> {
    let loaded = configuration::load(&options.inputs())?;
    configuration::check(&loaded)?;
    Ok(loaded)
}

/// A runtime for commands that do I/O.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
