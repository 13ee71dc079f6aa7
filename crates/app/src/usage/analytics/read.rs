//! What the rows counted: by one query all rows' totals, points and sources, by one more the buckets of bucketed meters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::invalid::Invalid;
use domain::meter::{Aggregate, Window, WindowSize};
use domain::money::Decimal;
use domain::rating::{Quantities, rate_all};
use domain::scope::Scope;
use domain::time::{Period, Timestamp};
use streams::{EventStoreError, GroupKey, GroupUsage, GroupedPart, GroupedQuery};

use super::points::{point_size, roll_up};
use super::rows::AnalyticsRow;
use super::{AnalyticsItem, AnalyticsPoint, ROWS_MAX};
use crate::usage::MeterRead;
use crate::usage::buckets::{Bucket, Cut};
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

fn too_many() -> Error {
    let message = format!(
        "the answer would have more than {ROWS_MAX} items and points: ask for a shorter time, larger windows, fewer groups or filters"
    );
    Invalid::input(message).with("limit", ROWS_MAX).into()
}

/// What one group of a row counted.
struct Counted {
    group: Vec<String>,
    quantities: Quantities,
    events: u64,
    window_size: Option<WindowSize>,
    points: Vec<AnalyticsPoint>,
}

/// What a part of the question asks of a row.
#[derive(Clone, Copy)]
enum Asked {
    /// Groups of a standard meter.
    Totals,
    /// The same in windows.
    Points,
    /// Groups by source besides.
    Sources,
}

/// The answers to a row's parts; empty where it was not asked.
#[derive(Default)]
struct Answers {
    totals: Vec<GroupUsage>,
    points: Vec<GroupUsage>,
    sources: Vec<GroupUsage>,
}

impl App {
    /// The items of all rows that have events.
    pub(super) async fn read_rows(&self, reading: &Reading<'_>, rows: Vec<AnalyticsRow>) -> Result<Vec<AnalyticsItem>> {
        let reads: Vec<MeterRead<'_>> = rows.iter().map(|row| reading.read(row)).collect();
        let bucketed: Vec<&MeterRead<'_>> = reads.iter().filter(|read| read.buckets().is_some()).collect();
        let mut buckets = self.read_buckets(reading.scope, reading.customers, &bucketed, reading.cut).await?.into_iter();
        let answers = self.read_answers(reading, &reads).await?;
        let mut found = Vec::with_capacity(rows.len());
        let mut size = 0;
        for ((row, read), answers) in rows.iter().zip(&reads).zip(answers) {
            let counted = match read.buckets() {
                Some(window) => row.counted_buckets(reading, window, buckets.next().unwrap_or_default()),
                None => row.counted_groups(reading, answers.totals, answers.points),
            };
            size += counted.iter().map(|counted| 1 + counted.points.len()).sum::<usize>();
            found.push((counted, sources(answers.sources)));
        }
        if size > ROWS_MAX {
            return Err(too_many());
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

    /// Totals, points and sources of all rows, from one reading of the store.
    async fn read_answers(&self, reading: &Reading<'_>, reads: &[MeterRead<'_>]) -> Result<Vec<Answers>> {
        let (mut asked, mut parts) = (Vec::new(), Vec::new());
        for (number, read) in reads.iter().enumerate() {
            for (kind, by, window) in reading.questions(read) {
                asked.push((number, kind));
                parts.push(GroupedPart { meter_id: read.meter.id.clone(), period: read.period, by, window });
            }
        }
        let mut answers: Vec<Answers> = reads.iter().map(|_| Answers::default()).collect();
        if parts.is_empty() {
            return Ok(answers);
        }
        let question = GroupedQuery {
            external_customer_ids: reading.customers.to_vec(),
            filter: reading.cut.filter.clone(),
            parts,
            // Sources of items come beside them.
            groups_max: if reading.wants_sources { 2 * ROWS_MAX } else { ROWS_MAX },
        };
        let found = self.ledgers(reading.scope).await?.usage_by_group(reading.scope, question).await.map_err(|error| match error {
            EventStoreError::TooManyGroups(_) => too_many(),
            other => other.into(),
        })?;
        for ((number, kind), groups) in asked.into_iter().zip(found) {
            let Answers { totals, points, sources } = &mut answers[number];
            *match kind {
                Asked::Totals => totals,
                Asked::Points => points,
                Asked::Sources => sources,
            } = groups;
        }
        Ok(answers)
    }
}

/// Where the events of each group came from.
fn sources(found: Vec<GroupUsage>) -> BTreeMap<Vec<String>, BTreeSet<String>> {
    let mut sources: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
    for mut found in found {
        let source = found.group.pop().unwrap_or_default();
        if !source.is_empty() {
            sources.entry(found.group).or_default().insert(source);
        }
    }
    sources
}

impl Reading<'_> {
    fn read<'a>(&self, row: &'a AnalyticsRow) -> MeterRead<'a> {
        let billing_anchor = row.billed_by.as_ref().map(|billed| billed.subscription.billing_anchor).or(self.anchor);
        MeterRead { meter: &row.meter, period: row.period, billing_anchor }
    }

    /// What a row is asked for: keys and windows of each part.
    fn questions(&self, read: &MeterRead<'_>) -> Vec<(Asked, Vec<GroupKey>, Option<Window>)> {
        let by = &self.cut.by;
        let mut questions = Vec::new();
        if read.buckets().is_none() {
            questions.push((Asked::Totals, by.clone(), None));
            questions.extend(self.windows.map(|window| (Asked::Points, by.clone(), Some(window))));
        }
        // Groups of sources name theirs.
        if self.wants_sources && !by.contains(&GroupKey::Source) {
            let by = by.iter().cloned().chain([GroupKey::Source]).collect();
            questions.push((Asked::Sources, by, None));
        }
        questions
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

    /// The groups of a standard meter, with their points.
    fn counted_groups(&self, reading: &Reading<'_>, totals: Vec<GroupUsage>, windows: Vec<GroupUsage>) -> Vec<Counted> {
        let mut points: BTreeMap<Vec<String>, Vec<AnalyticsPoint>> = BTreeMap::new();
        for GroupUsage { group, window, usage } in windows {
            let point = self.point(window, &usage);
            points.entry(group).or_default().push(point);
        }
        let counted = |GroupUsage { group, usage, .. }: GroupUsage| Counted {
            points: points.remove(&group).unwrap_or_default(),
            group,
            quantities: Quantities::Total(usage.usage(self.billed_as, self.period)),
            events: usage.events,
            window_size: reading.windows.map(|window| window.size),
        };
        totals.into_iter().map(counted).collect()
    }

    /// The groups of a bucketed meter: its buckets give total, cost and points.
    fn counted_buckets(&self, reading: &Reading<'_>, window: Window, buckets: Vec<Bucket>) -> Vec<Counted> {
        let mut groups: BTreeMap<Vec<String>, Vec<Bucket>> = BTreeMap::new();
        for mut bucket in buckets {
            groups.entry(std::mem::take(&mut bucket.group)).or_default().push(bucket);
        }
        if groups.is_empty() && self.billed_by.is_none() && reading.cut.by.is_empty() {
            // Where nothing bills it, a bucketed meter stands there also without events (spec 10 §11.3).
            groups.insert(Vec::new(), Vec::new());
        }
        let counted = |(group, found): (Vec<String>, Vec<Bucket>)| Counted {
            group,
            events: found.iter().map(|bucket| bucket.events).sum(),
            window_size: reading.windows.map(|asked| point_size(window, asked)),
            points: reading.windows.map(|asked| roll_up(self, &found, window, asked)).unwrap_or_default(),
            quantities: Quantities::Apart(found.into_iter().map(|bucket| bucket.value).collect()),
        };
        groups.into_iter().map(counted).collect()
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
