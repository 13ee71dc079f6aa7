//! The buckets of a meter: its usage per window of its `bucket_size` (spec 10 §8), of each of its own groups where it has a `group_by`.

use domain::meter::{Aggregate, Aggregation, Window, WindowSize};
use domain::money::Decimal;
use domain::scope::Scope;
use domain::time::Period;
use streams::{EventStore, EventStoreError, GroupKey, GroupUsage, GroupedQuery, RowFilter, UsageQuery};

use super::MeterRead;
use crate::{App, Result};

/// Most windows and groups that are read at once; of more, the time is read in parts.
const READ_MAX: usize = 100_000;
/// Most buckets and groups of one line.
const BUCKETS_MAX: usize = 1_000_000;

/// Which rows of a meter are read, and by what they are told apart. By default all, and by nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cut {
    /// Only of these rows.
    pub(crate) filter: RowFilter,
    /// One group per combination of these.
    pub(crate) by: Vec<GroupKey>,
}

impl Cut {
    /// Whether it is all rows, as one.
    pub(crate) fn is_whole(&self) -> bool {
        self.filter == RowFilter::default() && self.by.is_empty()
    }
}

/// The value of a bucket, of one group of the cut; for a meter with `group_by`, of one of its own groups.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    /// The whole bucket, also where the period cuts it.
    pub(crate) window: Period,
    /// The values of the cut's keys.
    pub(crate) group: Vec<String>,
    /// What is priced on its own.
    pub(crate) value: Decimal,
    /// The number of events in it.
    pub(crate) events: u64,
}

impl App {
    /// The buckets of a meter that have events, in the order of time. Refuses more than a million.
    pub(crate) async fn read_buckets(
        &self,
        scope: &Scope,
        external_customer_ids: &[String],
        read: &MeterRead<'_>,
        window: Window,
        cut: &Cut,
    ) -> Result<Vec<Bucket>> {
        let aggregation = &read.meter.aggregation;
        let query = read.query(external_customer_ids);
        if cut.is_whole() && aggregation.group_by.is_empty() && windows_at_most(read.period, window.size, READ_MAX) {
            let windows = self.events().usage_by_window(scope, query, window).await?;
            return Ok(windows.into_iter().map(|found| bucket(aggregation, found.window, Vec::new(), &found.usage)).collect());
        }
        let mut by = cut.by.clone();
        if !aggregation.group_by.is_empty() {
            by.push(GroupKey::Meter);
        }
        let question = GroupedQuery { query, filter: cut.filter.clone(), by, window: Some(window), groups_max: READ_MAX };
        let groups = read_in_parts(self.events(), scope, &question, window, BUCKETS_MAX).await?;
        let bucket = |mut found: GroupUsage| {
            found.group.truncate(cut.by.len());
            bucket(aggregation, found.window, found.group, &found.usage)
        };
        Ok(groups.into_iter().map(bucket).collect())
    }
}

/// All windows and groups. Where there are more than a question may ask for, its time is halved at the bound of a window until they fit:
/// so the store holds no more at once, and each window is still read whole. Refuses more than `most` in all.
async fn read_in_parts(
    events: &dyn EventStore,
    scope: &Scope,
    question: &GroupedQuery,
    window: Window,
    most: usize,
) -> Result<Vec<GroupUsage>> {
    let mut found = Vec::new();
    let mut parts = vec![question.query.period];
    while let Some(period) = parts.pop() {
        let part = GroupedQuery { query: UsageQuery { period, ..question.query.clone() }, ..question.clone() };
        match events.usage_by_group(scope, part).await {
            Ok(groups) if found.len() + groups.len() > most => return Err(EventStoreError::TooManyGroups(most).into()),
            Ok(groups) => found.extend(groups),
            Err(EventStoreError::TooManyGroups(at_once)) => match halves(period, window) {
                // The last of the list is read first.
                Some((first, second)) => parts.extend([second, first]),
                None => return Err(EventStoreError::TooManyGroups(at_once).into()),
            },
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

fn bucket(aggregation: &Aggregation, window: Period, group: Vec<String>, usage: &Aggregate) -> Bucket {
    Bucket { window, group, value: usage.usage(aggregation.kind, window), events: usage.events }
}

/// Whether a period cannot have more windows than so many.
pub(super) fn windows_at_most(period: Period, size: WindowSize, most: usize) -> bool {
    let windows = period.micros() / 1_000_000 / size.nominal_seconds();
    usize::try_from(windows).is_ok_and(|windows| windows <= most)
}

/// A period in two at the bound of a window near its middle; `None` when a single window holds it.
fn halves(period: Period, window: Window) -> Option<(Period, Period)> {
    let around = window.around(period.start.plus_micros(period.micros() / 2));
    let bound = if around.start > period.start { around.start } else { around.end };
    (bound < period.end).then(|| (Period::new(period.start, bound), Period::new(bound, period.end)))
}

#[cfg(test)]
mod tests {
    use domain::event::Event;
    use domain::ids::MeterId;
    use domain::meter::LedgerEntry;
    use domain::money::Quantity;
    use domain::time::{Timestamp, Zone};
    use streams::{EmbeddedEventStore, EmbeddedOptions, MeteredEvent};

    use super::*;
    use crate::Error;

    /// An event of an hour in a group.
    fn metered(hour: i64, group: &str) -> MeteredEvent {
        let timestamp = Timestamp::from_micros((hour * 3600 + 60) * 1_000_000);
        let event = Event {
            id: format!("{hour} {group}"),
            name: "api".into(),
            external_customer_id: "acme".into(),
            customer_id: String::new(),
            timestamp,
            ingested_at: timestamp,
            source: String::new(),
            properties: String::new(),
        };
        let (meter_id, quantity) = (MeterId::from("meter"), Quantity::ONE);
        let entry = LedgerEntry { meter_id, quantity, unique_hash: None, group: Some(group.into()), weighted: false };
        MeteredEvent { event, entries: vec![entry] }
    }

    #[tokio::test]
    async fn parts_give_what_one_read_gives() {
        let dir = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions { cache_bytes: 4 << 20, disk_reserve_bytes: 0, ..EmbeddedOptions::default() };
        let store = EmbeddedEventStore::open(dir.path().join("events"), options).unwrap();
        let scope = Scope { tenant_id: "tenant".into(), environment_id: "env".into() };
        let sent = [0, 1, 2, 3, 40, 41, 100].into_iter().flat_map(|hour| ["a", "b"].map(|group| metered(hour, group)));
        store.append(&scope, sent.collect()).await.unwrap();
        let window = Window::new(WindowSize::Hour, Zone::UTC);
        let question = |groups_max| GroupedQuery {
            query: UsageQuery {
                external_customer_ids: vec!["acme".into()],
                meter_id: MeterId::from("meter"),
                period: Period::new(Timestamp::from_micros(30_000_000), Timestamp::from_micros(101 * 3_600_000_000)),
            },
            filter: RowFilter::default(),
            by: vec![GroupKey::Meter],
            window: Some(window),
            groups_max,
        };
        let whole = store.usage_by_group(&scope, question(100)).await.unwrap();
        assert_eq!(whole.len(), 14);
        for groups_max in [2, 3, 5, 13, 14] {
            assert_eq!(read_in_parts(&store, &scope, &question(groups_max), window, 14).await.unwrap(), whole, "{groups_max} at once");
        }
        let refused = |result: Result<Vec<GroupUsage>>| assert!(matches!(result, Err(Error::Invalid(_))), "{result:?}");
        refused(read_in_parts(&store, &scope, &question(3), window, 13).await);
        // A single window has more.
        refused(read_in_parts(&store, &scope, &question(1), window, 14).await);
        store.close().await;
    }

    #[test]
    fn halves_meet_at_the_bound_of_a_window() {
        let period = |start: &str, end: &str| Period::new(start.parse().unwrap(), end.parse().unwrap());
        let days = Window::new(WindowSize::Day, Zone::UTC);
        let (first, second) = halves(period("2025-01-01T06:00:00Z", "2025-01-08T00:00:00Z"), days).unwrap();
        assert_eq!(first, period("2025-01-01T06:00:00Z", "2025-01-04T00:00:00Z"));
        assert_eq!(second, period("2025-01-04T00:00:00Z", "2025-01-08T00:00:00Z"));
        let (first, second) = halves(period("2025-01-01T00:00:00Z", "2025-01-02T12:00:00Z"), days).unwrap();
        assert_eq!((first.end, second.start), (second.start, "2025-01-02T00:00:00Z".parse().unwrap()));
        assert_eq!(halves(period("2025-01-01T06:00:00Z", "2025-01-02T00:00:00Z"), days), None);
        assert_eq!(halves(period("2025-01-01T06:00:00Z", "2025-01-01T06:00:00Z"), days), None);
    }

    #[test]
    fn possible_windows_are_counted_by_their_usual_length() {
        let january = Period::new("2025-01-01T00:00:00Z".parse().unwrap(), "2025-02-01T00:00:00Z".parse().unwrap());
        assert!(windows_at_most(january, WindowSize::Minute, 44_640) && !windows_at_most(january, WindowSize::Minute, 44_639));
        assert!(!windows_at_most(Period::new(Timestamp::MIN, Timestamp::MAX), WindowSize::Hour, READ_MAX));
    }
}
