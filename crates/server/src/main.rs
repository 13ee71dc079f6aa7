//! Entry point: reads the command line, runs one command, turns its outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;
use server::cli::Cli;
use server::{commands, exit};

/// Events are allocated by the threads that serve requests and freed by those that write.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => exit::report(&failure),
    }
}
