//! The flights become events: bulk requests in order of time, a few under way at once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;
use serde::de::IgnoredAny;
use tokio::task::JoinHandle;

use super::client::Client;
use super::flights::{Flight, Flights};
use super::progress::Progress;
use super::{catalog, delivery};

/// The most the API takes.
const BATCH_EVENTS: usize = 1000;
/// Requests under way. They start in order of time; that one may overtake another changes no total.
const IN_FLIGHT_MAX: usize = 8;

/// What was sent.
pub(super) struct Sent {
    /// Different events.
    pub(super) events: usize,
    /// Second copies.
    pub(super) repeated: usize,
    /// From the first request to the last answer.
    pub(super) took: Duration,
}

impl Sent {
    /// Events taken in per second, repeated ones included.
    #[expect(clippy::cast_precision_loss, reason = "a figure for reading")]
    pub(super) fn per_second(&self) -> f64 {
        (self.events + self.repeated) as f64 / self.took.as_secs_f64().max(1e-9)
    }
}

#[derive(Serialize)]
struct Bulk<'a> {
    events: Vec<Event<'a>>,
}

#[derive(Serialize)]
struct Event<'a> {
    event_id: &'a str,
    event_name: &'static str,
    timestamp: &'a str,
    external_customer_id: &'a str,
    properties: Properties<'a>,
}

#[derive(Serialize)]
struct Properties<'a> {
    /// Left out when blank: COUNT_UNIQUE counts every value that is present, the empty text too.
    #[serde(skip_serializing_if = "str::is_empty")]
    tailnum: &'a str,
    origin: &'a str,
    dest: &'a str,
    distance_miles: &'a str,
    /// Empty when cancelled, which adds nothing to a sum.
    air_time_minutes: &'a str,
}

impl<'a> From<&'a Flight> for Event<'a> {
    fn from(flight: &'a Flight) -> Self {
        Self {
            event_id: flight.event_id(),
            event_name: catalog::EVENT,
            timestamp: flight.timestamp(),
            external_customer_id: flight.carrier(),
            properties: Properties {
                tailnum: flight.tailnum(),
                origin: flight.origin(),
                dest: flight.dest(),
                distance_miles: flight.distance_miles(),
                air_time_minutes: flight.air_time_minutes(),
            },
        }
    }
}

/// Sends everything; what it returns was acknowledged, so it is durable and counted.
pub(super) async fn send(client: &Client, flights: &Flights, progress: &Progress) -> anyhow::Result<Sent> {
    let order = delivery::order(flights.selected().len());
    let bar = progress.bar("events", order.len());
    let started = Instant::now();
    let mut under_way: VecDeque<(usize, JoinHandle<anyhow::Result<IgnoredAny>>)> = VecDeque::with_capacity(IN_FLIGHT_MAX);
    for batch in order.chunks(BATCH_EVENTS) {
        if under_way.len() == IN_FLIGHT_MAX {
            finish_first(&mut under_way, &bar).await?;
        }
        let events = batch.iter().filter_map(|index| flights.selected().get(*index)).map(Event::from).collect();
        let body = serde_json::value::to_raw_value(&Bulk { events })?;
        let client = client.clone();
        under_way.push_back((batch.len(), tokio::spawn(async move { client.post("/events/bulk", &body).await })));
    }
    while !under_way.is_empty() {
        finish_first(&mut under_way, &bar).await?;
    }
    bar.finish_and_clear();
    let sent = Sent { events: flights.selected().len(), repeated: order.len() - flights.selected().len(), took: started.elapsed() };
    progress.done(&format!("{} events sent in {:.1?}: {:.0}/s, durable and counted", order.len(), sent.took, sent.per_second()));
    Ok(sent)
}

async fn finish_first(
    under_way: &mut VecDeque<(usize, JoinHandle<anyhow::Result<IgnoredAny>>)>,
    bar: &indicatif::ProgressBar,
) -> anyhow::Result<()> {
    if let Some((events, request)) = under_way.pop_front() {
        request.await.context("a request ended early")??;
        bar.inc(events as u64);
    }
    Ok(())
}
