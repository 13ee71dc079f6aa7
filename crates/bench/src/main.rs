//! What a server on this machine does per second, each figure beside a baseline of the same run (docs/performance.md).
//!
//! `cargo run --release -p bench` starts the release build of the server on a free loopback port with a directory of its own, loads
//! it, and prints Markdown. The load comes from the same machine, so it is made cheap: blocking threads, keep-alive, requests that
//! are prepared once and patched in place.

/// What can be asked for.
mod arguments;

/// Events with every figure derived from their number.
mod workload;

/// One connection: a request out, an answer in.
mod connection;

/// Many connections, each with one request under way.
mod load;

/// The processes under load: start, processor time, memory, stop.
mod process;

/// The bare HTTP server: reads bodies, does nothing.
mod bare;

/// Inserts without HTTP: the event store by itself, and its engine by itself.
mod store;

/// Customers, meters, prices, subscriptions.
mod setup;

/// Bulk ingest.
mod ingest;

/// Usage, preview, get customer.
mod reads;

/// Months of invoices.
mod invoices;

/// The tables.
mod report;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use arguments::{Arguments, Mode};
use process::Server;
use report::Report;

/// That of the server.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.mode {
        Some(Mode::Bare) => bare::serve(),
        None => measure(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let dir = tempfile::Builder::new().prefix("flexprice-bench-").tempdir_in(arguments.dir())?;
    let mut report = Report::new(arguments);
    say("the bare HTTP server");
    let bare = Server::start_bare()?;
    report.ingest_baseline("bare HTTP server, reads the same bodies", ingest::bare(&bare, arguments)?);
    report.customer_baseline(reads::bare_customers(&bare, arguments)?);
    bare.stop()?;
    say("the engine and the event store without HTTP");
    report.ingest_baseline("engine, one plain row per event", store::plain(dir.path(), arguments)?);
    report.ingest_baseline("event store, no HTTP and no JSON", store::metered(dir.path(), arguments)?);
    say("the server");
    let server = Server::start(&arguments.server()?, &dir.path().join("data"))?;
    let world = setup::create(&server, arguments.customers)?;
    let mut sent = 0;
    for events in arguments.stages() {
        say(&format!("ingest up to {events} events"));
        report.ingest(events, ingest::run(&server, sent..events, arguments)?);
        sent = events;
        world.check_counted(&server, events)?;
        say(&format!("reads of {events} events"));
        for (what, measured) in reads::subscriptions(&server, &world, arguments)? {
            report.read(events, what, measured);
        }
        report.memory(events, server.memory()?);
    }
    say("single customers");
    report.customer(reads::customers(&server, &world, arguments)?);
    server.stop()?;
    say("invoices of three years");
    let server = Server::start(&arguments.server()?, &dir.path().join("invoices"))?;
    report.years_of_invoices(invoices::run(&server)?);
    server.stop()?;
    std::io::stdout().lock().write_all(report.markdown().as_bytes())?;
    if let Some(path) = &arguments.json {
        std::fs::write(path, report.json()?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn say(what: &str) {
    eprintln!("measuring: {what}");
}
