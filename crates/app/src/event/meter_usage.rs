//! What meters counted: the one way in which usage lines are read, for invoices, previews, subscription usage and analytics
//! (spec 10 §§8, 10.2).

use domain::meter::{Aggregate, Aggregation, Meter, Window, WindowSize};
use domain::money::Decimal;
use domain::rating::{MeteredUsage, Quantities};
use domain::scope::Scope;
use domain::time::{Period, Timestamp, Zone};
use streams::{EventStoreError, GroupKey, GroupedQuery, RowFilter, UsageQuery};

use crate::{App, Error, Result};

/// Most windows and groups that are read at once; of more, the time is read in parts.
const READ_MAX: usize = 100_000;
/// Most buckets and groups of one line.
const BUCKETS_MAX: usize = 1_000_000;

/// A meter to be read over a period.
#[derive(Clone, Debug)]
pub(crate) struct MeterRead<'a> {
    /// What counted.
    pub(crate) meter: &'a Meter,
    /// Over which time.
    pub(crate) period: Period,
    /// Where monthly buckets begin; the 1st without.
    pub(crate) billing_anchor: Option<Timestamp>,
}

impl MeterRead<'_> {
    /// The meter's buckets: always in UTC. `None` for a meter without.
    pub(crate) fn buckets(&self) -> Option<Window> {
        let size = self.meter.aggregation.bucket_size?;
        Some(match self.billing_anchor {
            Some(anchor) => Window::anchored(size, Zone::UTC, anchor),
            None => Window::new(size, Zone::UTC),
        })
    }

    /// The question for its usage.
    pub(crate) fn query(&self, external_customer_ids: &[String]) -> UsageQuery {
        UsageQuery { external_customer_ids: external_customer_ids.to_vec(), meter_id: self.meter.id.clone(), period: self.period }
    }
}

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
    /// What meters counted for a set of customers, in the order of the reads. Standard meters are read by one query, all from one state;
    /// each bucketed one by a query of its own. Empty periods count nothing.
    pub(crate) async fn read_meters(
        &self,
        scope: &Scope,
        external_customer_ids: &[String],
        reads: &[MeterRead<'_>],
    ) -> Result<Vec<MeteredUsage>> {
        if external_customer_ids.is_empty() {
            return Err(Error::operation("usage is read for at least one customer"));
        }
        let standard: Vec<&MeterRead<'_>> = reads.iter().filter(|read| read.buckets().is_none()).collect();
        let mut totals = self.read_totals(scope, external_customer_ids, &standard).await?.into_iter();
        let mut usages = Vec::with_capacity(reads.len());
        for read in reads {
            let aggregation = read.meter.aggregation.clone();
            usages.push(match read.buckets() {
                None => {
                    let total = totals.next().unwrap_or_default();
                    let quantity = total.usage(self.billed_as(aggregation.kind), read.period);
                    MeteredUsage { aggregation, quantities: Quantities::Total(quantity), events: total.events }
                }
                Some(window) => {
                    let buckets = self.read_buckets(scope, external_customer_ids, read, window, &Cut::default()).await?;
                    let events = buckets.iter().map(|bucket| bucket.events).sum();
                    let values = buckets.into_iter().map(|bucket| bucket.value).collect();
                    MeteredUsage { aggregation, quantities: Quantities::Apart(values), events }
                }
            });
        }
        Ok(usages)
    }

    /// What several meters counted over the whole of their periods, by one query.
    pub(crate) async fn read_totals(
        &self,
        scope: &Scope,
        external_customer_ids: &[String],
        reads: &[&MeterRead<'_>],
    ) -> Result<Vec<Aggregate>> {
        if reads.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.events().usage(scope, reads.iter().map(|read| read.query(external_customer_ids)).collect()).await?)
    }

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
            let bucket = |(window, usage): (Period, Aggregate)| bucket(aggregation, window, Vec::new(), &usage);
            return Ok(windows.into_iter().map(|found| bucket((found.window, found.usage))).collect());
        }
        let mut by = cut.by.clone();
        if !aggregation.group_by.is_empty() {
            by.push(GroupKey::Meter);
        }
        let mut buckets = Vec::new();
        let mut parts = vec![read.period];
        while let Some(period) = parts.pop() {
            let part = GroupedQuery {
                query: UsageQuery { period, ..query.clone() },
                filter: cut.filter.clone(),
                by: by.clone(),
                window: Some(window),
                groups_max: READ_MAX,
            };
            match self.events().usage_by_group(scope, part).await {
                Ok(groups) => {
                    if buckets.len() + groups.len() > BUCKETS_MAX {
                        return Err(EventStoreError::TooManyGroups(BUCKETS_MAX).into());
                    }
                    buckets.extend(groups.into_iter().map(|mut found| {
                        found.group.truncate(cut.by.len());
                        bucket(aggregation, found.window, found.group, &found.usage)
                    }));
                }
                Err(EventStoreError::TooManyGroups(most)) => match halves(period, window) {
                    // The last part is read first.
                    Some((first, second)) => parts.extend([second, first]),
                    None => return Err(EventStoreError::TooManyGroups(most).into()),
                },
                Err(error) => return Err(error.into()),
            }
        }
        Ok(buckets)
    }
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
    use super::*;

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
