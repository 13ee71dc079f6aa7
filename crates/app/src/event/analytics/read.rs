//! What the rows counted. Standard meters of a question without filter and groups are read by one query; else each row takes one, never one
//! per group or window, and one more for its sources.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::meter::{Aggregate, AggregationType, Window, WindowSize};
use domain::money::Decimal;
use domain::rating::{Quantities, rate_all};
use domain::scope::Scope;
use domain::time::{Period, Timestamp};
use streams::{EventStoreError, GroupKey, GroupUsage, GroupedQuery};

use super::points::{point_size, roll_up};
use super::rows::AnalyticsRow;
use super::{AnalyticsItem, AnalyticsPoint, ROWS_MAX};
use crate::event::MeterRead;
use crate::event::buckets::{Bucket, Cut, windows_at_most};
use crate::{App, Error, Result};

/// How the rows are read.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) scope: &'a Scope,
    /// Empty for everybody.
    pub(super) customers: &'a [String],
    pub(super) cut: &'a Cut,
    /// Points besides the totals.
    pub(super) windows: Option<Window>,
    /// Where monthly buckets begin that no subscription bills.
    pub(super) anchor: Option<Timestamp>,
    pub(super) wants_sources: bool,
}

/// How many items and points an answer may still get.
struct Room(usize);

impl Room {
    fn take(&mut self, rows: usize) -> Result<()> {
        self.0 = self.0.checked_sub(rows).ok_or_else(too_many)?;
        Ok(())
    }
}

fn too_many() -> Error {
    Error::input(format!(
        "the answer would have more than {ROWS_MAX} items and points: ask for a shorter time, larger windows, fewer groups or filters"
    ))
}

/// What one group of a row counted.
struct Counted {
    group: Vec<String>,
    quantities: Quantities,
    events: u64,
    window_size: Option<WindowSize>,
    points: Vec<AnalyticsPoint>,
}

impl App {
    /// The items of all rows that have events.
    pub(super) async fn read_rows(&self, reading: &Reading<'_>, rows: Vec<AnalyticsRow>) -> Result<Vec<AnalyticsItem>> {
        let reads: Vec<MeterRead<'_>> = rows.iter().map(|row| reading.read(row)).collect();
        let mut totals = if reading.cut.is_whole() {
            let standard: Vec<_> = reads.iter().filter(|read| read.buckets().is_none()).collect();
            self.read_totals(reading.scope, reading.customers, &standard).await?
        } else {
            Vec::new()
        }
        .into_iter();
        let mut room = Room(ROWS_MAX);
        let mut found = Vec::with_capacity(rows.len());
        for (row, read) in rows.iter().zip(&reads) {
            let counted = match read.buckets() {
                Some(buckets) => self.read_bucketed(reading, row, read, buckets).await?,
                None if reading.cut.is_whole() => self.read_standard(reading, row, read, totals.next().unwrap_or_default(), &room).await?,
                None => self.read_groups(reading, row, read, &room).await?,
            };
            room.take(counted.iter().map(|counted| 1 + counted.points.len()).sum())?;
            // Groups of sources name theirs.
            let asks = reading.wants_sources && !reading.cut.by.contains(&GroupKey::Source) && !counted.is_empty();
            let sources = if asks { self.read_sources(reading, read).await? } else { BTreeMap::new() };
            found.push((counted, sources));
        }
        let mut items = Vec::new();
        for (row, (counted, mut sources)) in rows.into_iter().zip(found) {
            let row = Arc::new(row);
            for counted in counted {
                let sources = sources.remove(&counted.group).unwrap_or_default();
                items.push(item(Arc::clone(&row), counted, reading, sources));
            }
        }
        Ok(items)
    }

    /// A standard meter as a whole: its total was read with those of the other rows.
    async fn read_standard(
        &self,
        reading: &Reading<'_>,
        row: &AnalyticsRow,
        read: &MeterRead<'_>,
        total: Aggregate,
        room: &Room,
    ) -> Result<Vec<Counted>> {
        if total.events == 0 {
            return Ok(Vec::new());
        }
        let mut points = Vec::new();
        if let Some(windows) = reading.windows {
            if windows_at_most(row.period, windows.size, room.0) {
                let query = read.query(reading.customers);
                for found in self.events().usage_by_window(reading.scope, query, windows).await? {
                    points.push(row.point(found.window, &found.usage));
                }
            } else {
                // There may be more windows than an answer holds: read so that the store can stop.
                let groups = self.usage_by_group(reading.scope, reading.grouped(read, Vec::new(), Some(windows), room)).await?;
                points.extend(groups.into_iter().map(|found| row.point(found.window, &found.usage)));
            }
        }
        Ok(vec![row.counted(Vec::new(), &total, reading.windows, points)])
    }

    /// A standard meter's rows by filter and group. Windows of one group add up to its total, but for COUNT_UNIQUE.
    async fn read_groups(&self, reading: &Reading<'_>, row: &AnalyticsRow, read: &MeterRead<'_>, room: &Room) -> Result<Vec<Counted>> {
        let grouped = |windows| reading.grouped(read, reading.cut.by.clone(), windows, room);
        let found = self.usage_by_group(reading.scope, grouped(reading.windows)).await?;
        let mut groups: BTreeMap<Vec<String>, (Aggregate, Vec<AnalyticsPoint>)> = BTreeMap::new();
        for GroupUsage { group, window, usage } in found {
            let (total, points) = groups.entry(group).or_default();
            total.merge(&usage).map_err(|_| EventStoreError::Overflow)?;
            total.unique += usage.unique;
            if reading.windows.is_some() {
                points.push(row.point(window, &usage));
            }
        }
        if reading.windows.is_some() && row.meter.aggregation.kind == AggregationType::CountUnique {
            for whole in self.usage_by_group(reading.scope, grouped(None)).await? {
                groups.entry(whole.group).or_default().0.unique = whole.usage.unique;
            }
        }
        let counted = |(group, (total, points)): (_, (Aggregate, _))| row.counted(group, &total, reading.windows, points);
        Ok(groups.into_iter().map(counted).collect())
    }

    /// A bucketed meter: its buckets give total, cost and points.
    async fn read_bucketed(
        &self,
        reading: &Reading<'_>,
        row: &AnalyticsRow,
        read: &MeterRead<'_>,
        buckets: Window,
    ) -> Result<Vec<Counted>> {
        let mut groups: BTreeMap<Vec<String>, Vec<Bucket>> = BTreeMap::new();
        for mut bucket in self.read_buckets(reading.scope, reading.customers, read, buckets, reading.cut).await? {
            groups.entry(std::mem::take(&mut bucket.group)).or_default().push(bucket);
        }
        if groups.is_empty() && row.billed_by.is_none() && reading.cut.by.is_empty() {
            // Where nothing bills it, a bucketed meter stands there also without events (spec 10 §11.3).
            groups.insert(Vec::new(), Vec::new());
        }
        let counted = |(group, found): (Vec<String>, Vec<Bucket>)| Counted {
            group,
            events: found.iter().map(|bucket| bucket.events).sum(),
            window_size: reading.windows.map(|asked| point_size(buckets, asked)),
            points: reading.windows.map(|asked| roll_up(row, &found, buckets, asked)).unwrap_or_default(),
            quantities: Quantities::Apart(found.into_iter().map(|bucket| bucket.value).collect()),
        };
        Ok(groups.into_iter().map(counted).collect())
    }

    async fn usage_by_group(&self, scope: &Scope, query: GroupedQuery) -> Result<Vec<GroupUsage>> {
        self.events().usage_by_group(scope, query).await.map_err(|error| match error {
            EventStoreError::TooManyGroups(_) => too_many(),
            other => other.into(),
        })
    }

    /// Where the events of each group came from.
    async fn read_sources(&self, reading: &Reading<'_>, read: &MeterRead<'_>) -> Result<BTreeMap<Vec<String>, BTreeSet<String>>> {
        let mut by = reading.cut.by.clone();
        by.push(GroupKey::Source);
        let mut sources: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
        for mut found in self.usage_by_group(reading.scope, reading.grouped(read, by, None, &Room(ROWS_MAX))).await? {
            let source = found.group.pop().unwrap_or_default();
            let of_group = sources.entry(found.group).or_default();
            if !source.is_empty() {
                of_group.insert(source);
            }
        }
        Ok(sources)
    }
}

impl Reading<'_> {
    fn read<'a>(&self, row: &'a AnalyticsRow) -> MeterRead<'a> {
        let billing_anchor = row.billed_by.as_ref().map(|billed| billed.subscription.billing_anchor).or(self.anchor);
        MeterRead { meter: &row.meter, period: row.period, billing_anchor }
    }

    fn grouped(&self, read: &MeterRead<'_>, by: Vec<GroupKey>, window: Option<Window>, room: &Room) -> GroupedQuery {
        GroupedQuery { query: read.query(self.customers), filter: self.cut.filter.clone(), by, window, groups_max: room.0 }
    }
}

impl AnalyticsRow {
    /// What a quantity costs alone at the line's price, not rounded; 0 without a line.
    pub(super) fn exact_cost_of(&self, quantity: &Decimal) -> Decimal {
        self.exact_cost(&Quantities::Total(quantity.clone()))
    }

    fn exact_cost(&self, quantities: &Quantities) -> Decimal {
        self.billed_by.as_ref().map_or_else(Decimal::zero, |billed| rate_all(&billed.price, quantities).amount)
    }

    /// A window of a standard meter.
    fn point(&self, window: Period, usage: &Aggregate) -> AnalyticsPoint {
        let quantity = usage.usage(self.billed_as, window.intersection(self.period));
        let cost = self.exact_cost_of(&quantity);
        AnalyticsPoint { start: window.start, usage: quantity, events: usage.events, cost }
    }

    fn counted(&self, group: Vec<String>, total: &Aggregate, windows: Option<Window>, points: Vec<AnalyticsPoint>) -> Counted {
        let quantity = total.usage(self.billed_as, self.period);
        let window_size = windows.map(|window| window.size);
        Counted { group, quantities: Quantities::Total(quantity), events: total.events, window_size, points }
    }
}

fn item(row: Arc<AnalyticsRow>, counted: Counted, reading: &Reading<'_>, sources: BTreeSet<String>) -> AnalyticsItem {
    let exact_cost = row.exact_cost(&counted.quantities);
    let cost = row.billed_by.as_ref().map_or_else(Decimal::zero, |billed| billed.line.currency.round(&exact_cost));
    let mut item = AnalyticsItem {
        row,
        source: None,
        properties: BTreeMap::new(),
        usage: counted.quantities.total(),
        quantities: counted.quantities,
        events: counted.events,
        exact_cost,
        cost,
        window_size: counted.window_size,
        points: counted.points,
        sources: sources.into_iter().collect(),
    };
    for (key, value) in reading.cut.by.iter().zip(counted.group) {
        match key {
            GroupKey::Source => {
                if reading.wants_sources && !value.is_empty() {
                    item.sources.push(value.clone());
                }
                item.source = Some(value);
            }
            GroupKey::Property(name) if !value.is_empty() => {
                item.properties.insert(name.clone(), value);
            }
            GroupKey::Property(_) | GroupKey::Meter => {}
        }
    }
    item
}
