//! Bulk ingest over HTTP: the server, and the bare server with the same bodies.

use std::ops::Range;

use crate::arguments::Arguments;
use crate::connection::head_lines;
use crate::load::{self, Load};
use crate::process::{Server, own_processor_time};
use crate::report::Ingested;
use crate::workload::{BATCH_EVENTS, BulkTemplate};

const ACCEPTED: u16 = 202;

/// The bare server.
pub(crate) fn bare(server: &Server, arguments: &Arguments) -> anyhow::Result<Ingested> {
    send(server, 0..arguments.baseline_events(), arguments, "bare server")
}

/// The product, with the events of a range of numbers.
pub(crate) fn run(server: &Server, numbers: Range<u64>, arguments: &Arguments) -> anyhow::Result<Ingested> {
    send(server, numbers, arguments, "bulk ingest")
}

fn send(server: &Server, numbers: Range<u64>, arguments: &Arguments, label: &'static str) -> anyhow::Result<Ingested> {
    let last = arguments.stages().last().copied().unwrap_or(0);
    let workload = arguments.workload(last);
    let template = BulkTemplate::new(&head_lines());
    let batch = u64::from(BATCH_EVENTS);
    let (first, requests) = (numbers.start / batch, (numbers.end - numbers.start) / batch);
    let (server_before, own_before) = (server.processor_time()?, own_processor_time()?);
    let measured = load::run(&Load {
        address: server.address,
        connections: arguments.connections,
        requests,
        time_max: None,
        status: ACCEPTED,
        fill: &|number, request| template.fill(&workload, first + number, request),
        label,
    })?;
    Ok(Ingested {
        events: measured.requests * batch,
        server_processor: Some(server.processor_time()? - server_before),
        load_processor: Some(own_processor_time()? - own_before),
        measured,
    })
}
