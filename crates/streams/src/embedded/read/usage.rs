//! Usage of meters in periods and windows.

use std::collections::{BTreeMap, BTreeSet};

use domain::meter::{Aggregate, Window};
use domain::scope::Scope;
use domain::time::{Period, Timestamp};

use super::distinct::{Distinct, EachCustomer, count_in_passes};
use super::view::View;
use super::walk::{Piece, Walk};
use crate::embedded::key::{Kind, Number};
use crate::embedded::ledger::Entry;
use crate::embedded::write::Numbered;
use crate::{EventStoreError, UsageQuery, WindowUsage};

/// The usage of several meters, in the order of the queries.
pub(in crate::embedded) fn usage(
    view: &View,
    scope: &Scope,
    queries: &[UsageQuery],
    hashes_max: usize,
) -> Result<Vec<Aggregate>, EventStoreError> {
    let found = queries.iter().map(|query| {
        let mut windows =
            Question::find(view, scope, query, None)?.map_or_else(|| Ok(Vec::new()), |question| question.answer(hashes_max))?;
        Ok(windows.pop().map(|window| window.usage).unwrap_or_default())
    });
    found.collect()
}

/// The usage per window that has rows, ascending.
pub(in crate::embedded) fn usage_by_window(
    view: &View,
    scope: &Scope,
    query: &UsageQuery,
    window: Window,
    hashes_max: usize,
) -> Result<Vec<WindowUsage>, EventStoreError> {
    Question::find(view, scope, query, Some(window))?.map_or_else(|| Ok(Vec::new()), |question| question.answer(hashes_max))
}

/// A question whose names are known to the store.
pub(super) struct Question<'a> {
    pub(super) walk: Walk<'a>,
    pub(super) customers: Customers,
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

impl<'a> Question<'a> {
    /// `None` when scope or meter has no rows at all.
    pub(super) fn find(view: &'a View, scope: &Scope, query: &UsageQuery, window: Option<Window>) -> Result<Option<Self>, EventStoreError> {
        let Some(scope) = view.scope(scope)? else { return Ok(None) };
        let Some(meter) = view.numbered(Kind::Meter, scope, query.meter_id.as_str().as_bytes())? else { return Ok(None) };
        let customers = if query.external_customer_ids.is_empty() {
            Customers::Everyone(scope)
        } else {
            let mut numbers = BTreeSet::new();
            for name in &query.external_customer_ids {
                numbers.extend(view.numbered(Kind::Customer, scope, name.as_bytes())?.map(|found: Numbered| found.number));
            }
            Customers::These(numbers)
        };
        Ok(Some(Self { walk: Walk { view, meter, period: query.period, window }, customers }))
    }

    pub(super) fn answer(&self, hashes_max: usize) -> Result<Vec<WindowUsage>, EventStoreError> {
        let view = self.walk.view;
        let mut sums: BTreeMap<Timestamp, Sum> = BTreeMap::new();
        let mut budget = hashes_max;
        self.customers.each(view, &mut |customer| {
            self.walk.customer(customer, &mut |window, piece| {
                let sum =
                    sums.entry(window.start).or_insert_with(|| Sum { window, usage: Aggregate::default(), distinct: Distinct::default() });
                add(&mut sum.usage, &piece)?;
                sum.distinct.add(view, &piece, &mut budget)
            })
        })?;
        sums.into_values().map(|sum| self.finish(sum, &mut budget, hashes_max)).collect()
    }

    fn finish(
        &self,
        Sum { window, mut usage, distinct }: Sum,
        budget: &mut usize,
        hashes_max: usize,
    ) -> Result<WindowUsage, EventStoreError> {
        usage.unique = match distinct.count(self.walk.view, budget)? {
            Some(count) => count,
            None => {
                let walk = Walk { period: window.intersection(self.walk.period), window: None, ..self.walk };
                count_in_passes(&walk, &|each| self.customers.each(walk.view, each), hashes_max)?
            }
        };
        Ok(WindowUsage { window, usage })
    }
}

impl Customers {
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
pub(super) fn add_entry(usage: &mut Aggregate, entry: &Entry<'_>, timestamp: Timestamp, event_id: &str) -> Result<(), EventStoreError> {
    usage.moment += &entry.moment(timestamp);
    usage.add(entry.quantity, timestamp, event_id).map_err(|_| EventStoreError::Overflow)
}
