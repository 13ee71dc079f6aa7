//! Usage of meters in periods and windows.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::ids::MeterId;
use domain::meter::{Aggregate, Window};
use domain::scope::Scope;
use domain::time::{Period, Timestamp};

use super::distinct::{Distinct, EachCustomer, count_in_passes};
use super::view::View;
use super::walk::{Piece, Walk};
use crate::embedded::key::{Kind, Number};
use crate::embedded::ledger;
use crate::embedded::write::Numbered;
use crate::room::Room;
use crate::{EventStoreError, GroupUsage, UsageQuery};

/// The usage of several meters, in the order of the queries.
pub(in crate::embedded) fn usage(
    view: &View,
    scope: &Scope,
    queries: &[UsageQuery],
    hashes_max: usize,
) -> Result<Vec<Aggregate>, EventStoreError> {
    let asked: Vec<Asked<'_>> = queries.iter().map(Asked::from).collect();
    let found = usage_by_window(view, scope, &asked, &mut Room::new(usize::MAX), hashes_max)?;
    Ok(found.into_iter().map(|mut windows| windows.pop().map(|window| window.usage).unwrap_or_default()).collect())
}

/// A question for the usage of a meter, which cells can answer.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Empty for everyone.
    pub(super) customers: &'a [String],
    pub(super) meter_id: &'a MeterId,
    pub(super) period: Period,
    /// Without, the period is the only window.
    pub(super) window: Option<Window>,
}

impl<'a> From<&'a UsageQuery> for Asked<'a> {
    fn from(query: &'a UsageQuery) -> Self {
        Self { customers: &query.external_customer_ids, meter_id: &query.meter_id, period: query.period, window: None }
    }
}

/// The usage per window that has rows, ascending, in the order of the questions. Those that differ in their meter alone share a walk.
pub(super) fn usage_by_window(
    view: &View,
    scope: &Scope,
    asked: &[Asked<'_>],
    room: &mut Room,
    hashes_max: usize,
) -> Result<Vec<Vec<GroupUsage>>, EventStoreError> {
    let mut answers = vec![Vec::new(); asked.len()];
    let Some(scope) = view.scope(scope)? else { return Ok(answers) };
    let mut walks: HashMap<_, BTreeMap<&MeterId, Vec<usize>>> = HashMap::new();
    for (number, Asked { customers, meter_id, period, window }) in asked.iter().copied().enumerate() {
        walks.entry((customers, period, window)).or_default().entry(meter_id).or_default().push(number);
    }
    for ((customers, period, window), by_meter) in walks {
        let mut meters = BTreeMap::new();
        for (meter_id, numbers) in by_meter {
            if let Some(meter) = view.numbered(Kind::Meter, scope, meter_id.as_str().as_bytes())? {
                meters.insert(meter.number, (meter, numbers));
            }
        }
        let (meters, numbers): (Vec<Numbered>, Vec<Vec<usize>>) = meters.into_values().unzip();
        let walk = Walk { view, meters: &meters, period, window };
        let question = Question { walk, customers: Customers::find(view, scope, customers)? };
        for (found, numbers) in question.answer(room, hashes_max)?.into_iter().zip(numbers) {
            let Some((first, others)) = numbers.split_first() else { continue };
            for number in others {
                room.take(found.len())?;
                answers[*number].clone_from(&found);
            }
            answers[*first] = found;
        }
    }
    Ok(answers)
}

/// A question whose names are known to the store.
struct Question<'a> {
    walk: Walk<'a>,
    customers: Customers,
}

/// Whose usage.
pub(super) enum Customers {
    /// Of these.
    These(BTreeSet<Number>),
    /// Of everyone in the scope.
    Everyone(Number),
}

/// What one window adds up to.
struct Sum {
    window: Period,
    usage: Aggregate,
    distinct: Distinct,
}

impl Question<'_> {
    /// Windows per meter.
    fn answer(&self, room: &mut Room, hashes_max: usize) -> Result<Vec<Vec<GroupUsage>>, EventStoreError> {
        let view = self.walk.view;
        let mut sums: Vec<BTreeMap<Timestamp, Sum>> = self.walk.meters.iter().map(|_| BTreeMap::new()).collect();
        let mut budget = hashes_max;
        self.customers.each(view, &mut |customer| {
            self.walk.customer(customer, &mut |place, window, piece| {
                let sum = match sums[place].entry(window.start) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => {
                        room.take(1)?;
                        new.insert(Sum { window, usage: Aggregate::default(), distinct: Distinct::default() })
                    }
                };
                add(&mut sum.usage, &piece)?;
                sum.distinct.add(view, &piece, &mut budget)
            })
        })?;
        let finish = |(place, sums): (usize, BTreeMap<_, Sum>)| {
            sums.into_values().map(|sum| self.finish(place, sum, &mut budget, hashes_max)).collect::<Result<Vec<_>, _>>()
        };
        sums.into_iter().enumerate().map(finish).collect()
    }

    fn finish(
        &self,
        place: usize,
        Sum { window, mut usage, distinct }: Sum,
        budget: &mut usize,
        hashes_max: usize,
    ) -> Result<GroupUsage, EventStoreError> {
        usage.unique = match distinct.count(self.walk.view, budget)? {
            Some(count) => count,
            None => {
                let meters = &self.walk.meters[place..=place];
                let walk = Walk { meters, period: window.intersection(self.walk.period), window: None, ..self.walk };
                count_in_passes(&walk, &|each| self.customers.each(walk.view, each), hashes_max)?
            }
        };
        Ok(GroupUsage { group: Vec::new(), window, usage })
    }
}

impl Customers {
    /// Those of these external ids that have events; everyone without ids.
    pub(super) fn find(view: &View, scope: Number, external_ids: &[String]) -> Result<Self, EventStoreError> {
        if external_ids.is_empty() {
            return Ok(Self::Everyone(scope));
        }
        let mut numbers = BTreeSet::new();
        for name in external_ids {
            numbers.extend(view.numbered(Kind::Customer, scope, name.as_bytes())?.map(|found: Numbered| found.number));
        }
        Ok(Self::These(numbers))
    }

    pub(super) fn each(&self, view: &View, each: EachCustomer<'_>) -> Result<(), EventStoreError> {
        match self {
            Self::These(numbers) => numbers.iter().try_for_each(|number| each(*number)),
            Self::Everyone(scope) => view.customers(*scope).try_for_each(|number| each(number?)),
        }
    }
}

fn add(usage: &mut Aggregate, piece: &Piece<'_>) -> Result<(), EventStoreError> {
    match piece {
        Piece::Cell(cell, _) => usage.merge(&cell.aggregate()?).map_err(|_| EventStoreError::Overflow),
        Piece::Row { timestamp, event_id, entry } => add_entry(usage, entry, *timestamp, event_id),
    }
}

/// Adds one entry with its weight; its unique value is not counted.
pub(super) fn add_entry(
    usage: &mut Aggregate,
    entry: &ledger::Entry<'_>,
    timestamp: Timestamp,
    event_id: &str,
) -> Result<(), EventStoreError> {
    usage.moment += &entry.moment(timestamp);
    usage.add(entry.quantity, timestamp, event_id).map_err(|_| EventStoreError::Overflow)
}
