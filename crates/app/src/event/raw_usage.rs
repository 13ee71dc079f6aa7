//! Usage straight from the events, for any event name and property (spec 10 §9.1, 9.2): also events that are older than a meter.

use std::collections::{BTreeMap, BTreeSet};

use domain::event::{Event, Properties};
use domain::meter::{Aggregate, AggregationType, Meter, ResetUsage, UniqueHash, Window, measure_signed};
use domain::money::Decimal;
use domain::scope::Scope;
use domain::time::{Period, Timestamp};
use streams::{EventFilter, EventOrder};

use crate::{App, Error, Result};

/// Events read at once.
const PAGE: usize = 5_000;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct RawUsageRequest {
    /// What to measure; a meter of the catalog, or one made up for the request.
    pub meter: Meter,
    /// Whose usage; everybody's without.
    pub external_customer_id: Option<String>,
    /// When, by event time.
    pub period: Period,
    /// Usage per window besides.
    pub window: Option<Window>,
}

/// Usage and its windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawUsage {
    /// Over the whole period; of a meter that never resets, over all time until the period's end.
    pub value: Decimal,
    /// Per window that has events, ascending.
    pub windows: Vec<(Timestamp, Decimal)>,
}

#[derive(Default)]
struct Accumulator {
    aggregate: Aggregate,
    hashes: BTreeSet<UniqueHash>,
}

impl Accumulator {
    fn add(&mut self, meter: &Meter, event: &Event, start: Timestamp) -> Result<()> {
        let properties = Properties::parse(&event.properties).map_err(|error| Error::Internal(error.to_string()))?;
        let too_large = |_| Error::input("the usage is too large to be summed");
        let Some(entry) = measure_signed(meter, &event.name, &properties).map_err(too_large)? else { return Ok(()) };
        // For a weighted sum, what was there before the period counts in whole.
        let timestamp = if entry.weighted { event.timestamp.max(start) } else { event.timestamp };
        self.aggregate.add_entry(&entry, timestamp, &event.id).map_err(too_large)?;
        self.hashes.extend(entry.unique_hash);
        Ok(())
    }

    /// Single values may be negative, the usage is not.
    fn usage(mut self, kind: AggregationType, period: Period) -> Decimal {
        self.aggregate.unique = self.hashes.len() as u64;
        self.aggregate.usage(kind, period).max(Decimal::zero())
    }
}

impl App {
    /// Usage from the events themselves. Reads every event of the period that has the meter's name.
    pub async fn raw_usage(&self, scope: &Scope, request: RawUsageRequest) -> Result<RawUsage> {
        let RawUsageRequest { meter, external_customer_id, period, window } = request;
        let runs_on = meter.reset_usage == ResetUsage::Never;
        let filter = EventFilter {
            external_customer_id,
            event_name: Some(meter.event_name.clone()),
            from: if runs_on { None } else { Some(period.start) },
            until: Some(period.end),
            ..EventFilter::default()
        };
        let mut total = Accumulator::default();
        let mut windows: BTreeMap<Timestamp, (Period, Accumulator)> = BTreeMap::new();
        let mut current: Option<Period> = None;
        let mut cursor = None;
        loop {
            let events = self.events().events(scope, filter.clone(), EventOrder::Ascending, cursor.take(), PAGE).await?;
            for event in &events {
                total.add(&meter, event, period.start)?;
                let Some(window) = window.filter(|_| period.contains(event.timestamp)) else { continue };
                let around = current.filter(|current| current.contains(event.timestamp)).unwrap_or_else(|| window.around(event.timestamp));
                current = Some(around);
                let (_, usage) = windows.entry(around.start).or_insert_with(|| (around.intersection(period), Accumulator::default()));
                usage.add(&meter, event, period.start)?;
            }
            match events.last() {
                Some(last) if events.len() == PAGE => cursor = Some((last.timestamp, last.id.clone())),
                _ => break,
            }
        }
        let kind = meter.aggregation.kind;
        let windows = windows.into_iter().map(|(start, (period, usage))| (start, usage.usage(kind, period))).collect();
        Ok(RawUsage { value: total.usage(kind, period), windows })
    }
}
