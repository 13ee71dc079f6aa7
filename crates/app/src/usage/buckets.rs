//! The buckets of a meter: its usage per window of its `bucket_size` (spec 10 §8), of each of its own groups where it has a `group_by`.

use std::collections::HashMap;

use domain::meter::{Aggregation, Window, WindowSize};
use domain::money::Decimal;
use domain::scope::Scope;
use domain::time::{Period, Timestamp, Zone};
use streams::{EventStoreError, GroupKey, GroupUsage, GroupedPart, GroupedQuery, RowFilter};

use super::MeterRead;
use super::ledgers::Ledgers;
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
    /// The buckets of meters that have events, in the order of the reads and of time; those without buckets have none. Refuses more than a
    /// million of one meter.
    pub(crate) async fn read_buckets(
        &self,
        scope: &Scope,
        external_customer_ids: &[String],
        reads: &[&MeterRead<'_>],
        cut: &Cut,
    ) -> Result<Vec<Vec<Bucket>>> {
        if reads.is_empty() {
            return Ok(Vec::new());
        }
        let part = |read: &&MeterRead<'_>| {
            let mut by = cut.by.clone();
            if !read.meter.aggregation.group_by.is_empty() {
                by.push(GroupKey::Meter);
            }
            GroupedPart { meter_id: read.meter.id.clone(), period: read.period, by, window: read.buckets() }
        };
        let question = GroupedQuery {
            external_customer_ids: external_customer_ids.to_vec(),
            filter: cut.filter.clone(),
            parts: reads.iter().map(part).collect(),
            groups_max: READ_MAX,
        };
        let bucket = |number: usize, mut found: GroupUsage| {
            found.group.truncate(cut.by.len());
            bucket(&reads[number].meter.aggregation, found)
        };
        read_in_parts(&self.ledgers(scope).await?, scope, &question, BUCKETS_MAX, bucket).await
    }

    /// The usage of meters without buckets on each day of a zone that has events, as far as it lies in the period of the read; by the first
    /// instant of that, in the order of the reads.
    pub(crate) async fn read_days(
        &self,
        scope: &Scope,
        external_customer_ids: &[String],
        reads: &[(MeterRead<'_>, Zone)],
    ) -> Result<Vec<HashMap<Timestamp, Decimal>>> {
        if reads.is_empty() {
            return Ok(Vec::new());
        }
        let part = |(read, zone): &(MeterRead<'_>, Zone)| {
            let window = Some(Window::new(WindowSize::Day, *zone));
            GroupedPart { meter_id: read.meter.id.clone(), period: read.period, by: Vec::new(), window }
        };
        let question = GroupedQuery {
            external_customer_ids: external_customer_ids.to_vec(),
            filter: RowFilter::default(),
            parts: reads.iter().map(part).collect(),
            groups_max: READ_MAX,
        };
        let day = |number: usize, found: GroupUsage| {
            let (read, _) = &reads[number];
            let part = found.window.intersection(read.period);
            (part.start, found.usage.usage(self.billed_as(read.meter.aggregation.kind), part))
        };
        let days = read_in_parts(&self.ledgers(scope).await?, scope, &question, BUCKETS_MAX, day).await?;
        Ok(days.into_iter().map(|days| days.into_iter().collect()).collect())
    }
}

/// Parts of a question with their places in it.
type Parts = Vec<(usize, GroupedPart)>;

/// All windows and groups, in the order of the parts. Where there are more than a question may ask for, its meters are asked for in two
/// halves, and of a single one its time is halved at the bound of a window, until they fit: so the store holds no more at once, and each
/// window is still read whole. `kept` makes of each what is kept, which is mostly smaller. Refuses more than `most` of one part.
async fn read_in_parts<T>(
    ledgers: &Ledgers<'_>,
    scope: &Scope,
    question: &GroupedQuery,
    most: usize,
    kept: impl Fn(usize, GroupUsage) -> T,
) -> Result<Vec<Vec<T>>> {
    let mut found: Vec<Vec<T>> = question.parts.iter().map(|_| Vec::new()).collect();
    let mut waiting: Vec<Parts> = vec![question.parts.iter().cloned().enumerate().collect()];
    while let Some(asked) = waiting.pop() {
        let parts = asked.iter().map(|(_, part)| part.clone()).collect();
        match ledgers.usage_by_group(scope, GroupedQuery { parts, ..question.clone() }).await {
            Ok(answers) => {
                for ((number, _), groups) in asked.iter().zip(answers) {
                    found[*number].extend(groups.into_iter().map(|group| kept(*number, group)));
                    if found[*number].len() > most {
                        return Err(EventStoreError::TooManyGroups(most).into());
                    }
                }
            }
            Err(EventStoreError::TooManyGroups(at_once)) => {
                let (first, second) = smaller(asked).ok_or(EventStoreError::TooManyGroups(at_once))?;
                // The last of the list is read first.
                waiting.extend([second, first]);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// Parts in two halves, or one in two by its time; `None` when a single window holds it.
fn smaller(mut asked: Parts) -> Option<(Parts, Parts)> {
    if let [(number, part)] = asked.as_slice() {
        let (first, second) = halves(part.period, part.window?)?;
        let of = |period| vec![(*number, GroupedPart { period, ..part.clone() })];
        return Some((of(first), of(second)));
    }
    let second = asked.split_off(asked.len() / 2);
    Some((asked, second))
}

fn bucket(aggregation: &Aggregation, GroupUsage { group, window, usage }: GroupUsage) -> Bucket {
    Bucket { window, group, value: usage.usage(aggregation.kind, window), events: usage.events }
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
    use streams::{EmbeddedEventStore, EmbeddedOptions, EventStore as _, MeteredEvent};

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
        let part = |meter: &str, start: i64, by: &[GroupKey]| GroupedPart {
            meter_id: meter.into(),
            period: Period::new(Timestamp::from_micros(start * 1_000_000), Timestamp::from_micros(101 * 3_600_000_000)),
            by: by.to_vec(),
            window: Some(Window::new(WindowSize::Hour, Zone::UTC)),
        };
        let by_meter = part("meter", 30, &[GroupKey::Meter]);
        let question = |parts: &[GroupedPart], groups_max| GroupedQuery {
            external_customer_ids: vec!["acme".into()],
            filter: RowFilter::default(),
            parts: parts.to_vec(),
            groups_max,
        };
        let three = [by_meter.clone(), part("other", 0, &[]), part("meter", 3600, &[])];
        let whole = store.usage_by_group(&scope, question(&three, 100)).await.unwrap();
        assert_eq!(whole.iter().map(Vec::len).collect::<Vec<_>>(), [14, 0, 6]);
        let same = |_: usize, group: GroupUsage| group;
        for groups_max in [2, 3, 5, 13, 14, 19, 20] {
            assert_eq!(
                read_in_parts(&Ledgers::single(&store), &scope, &question(&three, groups_max), 14, same).await.unwrap(),
                whole,
                "{groups_max} at once"
            );
        }
        let refused = |result: Result<Vec<Vec<GroupUsage>>>| assert!(matches!(result, Err(Error::Invalid(_))), "{result:?}");
        refused(read_in_parts(&Ledgers::single(&store), &scope, &question(&three, 3), 13, same).await);
        // A single window has more.
        refused(read_in_parts(&Ledgers::single(&store), &scope, &question(&[by_meter], 1), 14, same).await);
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
}
