//! Usage straight from the events, for any event name and property (spec 10 §9.1, 9.2): also events that are older than a meter.

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use domain::event::Properties;
use domain::invalid::Invalid;
use domain::meter::{Aggregate, AggregationType, LedgerEntry, Meter, ResetUsage, UniqueHash, Window, measure_signed};
use domain::money::Decimal;
use domain::scope::Scope;
use domain::time::{Period, Timestamp, Zone};
use streams::{EventFilter, ScannedEvent};

use crate::{App, Error, Result};

/// Most windows, buckets and groups of one answer: some 30 MiB of memory.
const WINDOWS_MAX: usize = 100_000;
/// Most different values that one answer tells apart, all windows together: some 60 MiB of memory.
const UNIQUE_MAX: usize = 1_000_000;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct RawUsageRequest {
    /// What to measure; a meter of the catalog, or one made up for the request. With a bucket size, usage is that of its buckets.
    pub meter: Meter,
    /// Whose usage; everybody's without.
    pub external_customer_id: Option<String>,
    /// When, by event time.
    pub period: Period,
    /// Usage per window besides; buckets of the meter go before it.
    pub window: Option<Window>,
    /// On whose day buckets of months begin.
    pub billing_anchor: Option<Timestamp>,
}

/// Usage and its windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawUsage {
    /// Over the whole period; of a meter that never resets, over all time until the period's end. Of buckets it is the sum.
    pub value: Decimal,
    /// Per window, or bucket and group, of the period that has events, ascending.
    pub windows: Vec<RawWindow>,
}

/// Usage of one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawWindow {
    /// Its first instant.
    pub start: Timestamp,
    /// The value of the meter's `group_by`; `None` for a meter without.
    pub group: Option<Box<str>>,
    /// The usage in it.
    pub value: Decimal,
}

impl App {
    /// Usage from the events themselves. Reads every event of the period that has the meter's name, but where they are only counted.
    pub async fn raw_usage(&self, scope: &Scope, request: RawUsageRequest) -> Result<RawUsage> {
        let RawUsageRequest { meter, external_customer_id, period, window, billing_anchor } = request;
        let bucket = bucket(&meter, billing_anchor);
        let external_ids = match &external_customer_id {
            Some(external_id) => self.external_ids_beside(scope, external_id).await?.into_iter().map(Some).collect(),
            None => vec![None],
        };
        let filter = EventFilter {
            event_name: Some(meter.event_name.clone()),
            from: Some(period.start),
            until: Some(period.end),
            ..EventFilter::default()
        };
        let window = bucket.or(window);
        let reading = |window| Reading::new(&meter, period, window, bucket.is_some());
        if meter.reset_usage != ResetUsage::Never {
            return self.read_events(scope, &external_ids, filter, reading(window)).await;
        }
        let ever = EventFilter { from: None, ..filter.clone() };
        let value = self.read_events(scope, &external_ids, ever, reading(bucket)).await?.value;
        let windows = match window {
            Some(_) => self.read_events(scope, &external_ids, filter, reading(window)).await?.windows,
            None => Vec::new(),
        };
        Ok(RawUsage { value, windows })
    }

    /// Of everybody for no external id; one read for each.
    async fn read_events(
        &self,
        scope: &Scope,
        external_ids: &[Option<String>],
        filter: EventFilter,
        mut reading: Reading<'_>,
    ) -> Result<RawUsage> {
        let filters = external_ids.iter().map(|id| EventFilter { external_customer_id: id.clone(), ..filter.clone() });
        if reading.counts_all() {
            let mut events = 0;
            for filter in filters {
                events += self.events().count_events(scope, filter).await?;
            }
            return Ok(RawUsage { value: Decimal::from(events), windows: Vec::new() });
        }
        for filter in filters {
            let mut outcome = Ok(());
            let mut add = |events: Vec<ScannedEvent>| {
                outcome = events.iter().try_for_each(|event| reading.add(event));
                if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            };
            self.events().scan(scope, filter, &mut add).await?;
            outcome?;
        }
        Ok(reading.usage())
    }
}

/// The buckets of a meter that has them, in UTC like those of invoices.
pub(super) fn bucket(meter: &Meter, billing_anchor: Option<Timestamp>) -> Option<Window> {
    meter.aggregation.bucket_size.map(|size| Window::anchored(size, Zone::UTC, billing_anchor))
}

/// A window's first instant, and the group where there are groups.
type WindowKey = (Timestamp, Option<Box<str>>);

/// Adds up the events of one read, all of the meter's name and in any order.
struct Reading<'a> {
    meter: &'a Meter,
    /// What is asked for; events before it are added as well.
    period: Period,
    window: Option<Window>,
    /// Whether the value is the sum of the windows.
    adds_windows: bool,
    total: Accumulator,
    windows: BTreeMap<WindowKey, (Period, Accumulator)>,
    /// The window of the last event.
    current: Option<Period>,
    /// Different values told apart.
    unique: usize,
}

#[derive(Default)]
struct Accumulator {
    aggregate: Aggregate,
    hashes: HashSet<UniqueHash>,
}

impl Accumulator {
    /// Returns how many values more are told apart.
    fn add(&mut self, entry: &LedgerEntry, timestamp: Timestamp, event_id: &str) -> Result<usize> {
        self.aggregate.add_entry(entry, timestamp, event_id).map_err(|_| too_large())?;
        Ok(entry.unique_hash.map_or(0, |hash| usize::from(self.hashes.insert(hash))))
    }

    fn usage(mut self, kind: AggregationType, period: Period) -> Decimal {
        self.aggregate.unique = self.hashes.len() as u64;
        self.aggregate.usage(kind, period)
    }
}

impl<'a> Reading<'a> {
    fn new(meter: &'a Meter, period: Period, window: Option<Window>, adds_windows: bool) -> Self {
        let (total, windows) = (Accumulator::default(), BTreeMap::new());
        Self { meter, period, window, adds_windows, total, windows, current: None, unique: 0 }
    }

    /// Whether the usage is the number of events, whatever they carry.
    fn counts_all(&self) -> bool {
        let aggregation = &self.meter.aggregation;
        let is_plain = aggregation.kind == AggregationType::Count && aggregation.expression.is_none();
        is_plain && self.meter.filters.is_empty() && self.window.is_none() && !self.adds_windows
    }

    fn add(&mut self, event: &ScannedEvent) -> Result<()> {
        let properties = Properties::parse(&event.properties).map_err(|error| Error::Internal(error.to_string()))?;
        let Some(entry) = measure_signed(self.meter, &self.meter.event_name, &properties).map_err(|_| too_large())? else { return Ok(()) };
        // For a weighted sum, what was there before the period counts in whole.
        let timestamp = if entry.weighted { event.timestamp.max(self.period.start) } else { event.timestamp };
        if let Some(window) = self.window {
            let around = self.current.filter(|current| current.contains(event.timestamp)).unwrap_or_else(|| window.around(event.timestamp));
            self.current = Some(around);
            let (_, usage) = self
                .windows
                .entry((around.start, entry.group.clone()))
                .or_insert_with(|| (around.intersection(self.period), Accumulator::default()));
            self.unique += usage.add(&entry, timestamp, &event.id)?;
        }
        if !self.adds_windows {
            self.unique += self.total.add(&entry, timestamp, &event.id)?;
        }
        self.check_bounds()
    }

    fn check_bounds(&self) -> Result<()> {
        if self.windows.len() > WINDOWS_MAX {
            let message = format!(
                "the usage falls into more than {WINDOWS_MAX} windows and groups: ask for a shorter time, larger windows or filters"
            );
            return Err(Invalid::input(message).with("limit", WINDOWS_MAX).into());
        }
        if self.unique > UNIQUE_MAX {
            let field = &self.meter.aggregation.field;
            let message = format!(
                "more than {UNIQUE_MAX} different values of {field} would have to be told apart: ask for a shorter time or filters"
            );
            return Err(Invalid::input(message).with("limit", UNIQUE_MAX).into());
        }
        Ok(())
    }

    /// Single values may be negative, what is answered is not.
    fn usage(self) -> RawUsage {
        let kind = self.meter.aggregation.kind;
        let not_negative = |value: Decimal| value.max(Decimal::zero());
        let mut sum = Decimal::zero();
        let mut windows = Vec::with_capacity(self.windows.len());
        for ((start, group), (period, usage)) in self.windows {
            let value = usage.usage(kind, period);
            sum = &sum + &value;
            windows.push(RawWindow { start, group, value: not_negative(value) });
        }
        let value = if self.adds_windows { sum } else { self.total.usage(kind, self.period) };
        RawUsage { value: not_negative(value), windows }
    }
}

fn too_large() -> Error {
    Error::too_large_a_sum()
}

#[cfg(test)]
mod tests {
    use domain::ids::MeterId;
    use domain::meter::{Aggregation, WindowSize};
    use domain::scope::{Audit, Status};

    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_714_521_600_000_000);

    fn meter(kind: AggregationType) -> Meter {
        let scope = Scope { tenant_id: "t".into(), environment_id: "e".into() };
        let (created_by, updated_by) = (String::new(), String::new());
        let audit = Audit { scope, status: Status::Published, created_at: START, updated_at: START, created_by, updated_by };
        let (field, group_by) = ("n".to_owned(), String::new());
        let aggregation = Aggregation { kind, field, expression: None, multiplier: None, bucket_size: None, group_by };
        let (name, event_name) = (String::new(), "api".to_owned());
        Meter { id: MeterId::default(), name, event_name, aggregation, filters: Vec::new(), reset_usage: ResetUsage::Never, audit }
    }

    fn event(id: &str, seconds: i64, value: &str) -> ScannedEvent {
        ScannedEvent { id: id.to_owned(), timestamp: START.plus_seconds(seconds), properties: format!(r#"{{"n":{value}}}"#) }
    }

    #[test]
    fn events_may_come_in_any_order() {
        // Before the period, in it, twice at one instant.
        let mut events: Vec<ScannedEvent> = [("e", -90, "3"), ("d", 0, "2.5"), ("c", 60, "9"), ("a", 60, "-4"), ("b", 7_200, "2.5")]
            .map(|(id, seconds, value)| event(id, seconds, value))
            .into();
        for kind in AggregationType::ALL {
            let meter = meter(*kind);
            for window in [None, Some(Window::new(WindowSize::Hour, Zone::UTC))] {
                let mut usage = |adds_windows| {
                    let period = Period::new(START, START.plus_seconds(86_400));
                    let mut reading = Reading::new(&meter, period, window, adds_windows);
                    events.iter().for_each(|event| reading.add(event).unwrap());
                    events.rotate_left(2);
                    events.swap(0, 1);
                    reading.usage()
                };
                let first = usage(false);
                assert!((0..6).all(|_| usage(false) == first), "{kind} {window:?}");
                let first = usage(true);
                assert!((0..6).all(|_| usage(true) == first), "{kind} {window:?}");
            }
        }
    }

    #[test]
    fn more_different_values_than_can_be_told_apart_are_refused_with_advice() {
        let meter = meter(AggregationType::CountUnique);
        let mut reading = Reading::new(&meter, Period::new(START, START.plus_seconds(86_400)), None, false);
        reading.unique = UNIQUE_MAX - 1;
        reading.add(&event("a", 0, "1")).unwrap();
        reading.add(&event("b", 0, "1")).unwrap();
        let refused = reading.add(&event("c", 0, "2")).unwrap_err().to_string();
        assert!(refused.contains("ask for a shorter time or filters"), "{refused}");
    }
}
