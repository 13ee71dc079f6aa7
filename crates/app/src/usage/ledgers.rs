//! From which ledger a meter is read: that of usage, or that of costs for meters that cost sheets alone use (ADR 0016).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::ids::MeterId;
use domain::meter::Aggregate;
use domain::scope::Scope;
use streams::{CountedEvent, EventStore, EventStoreError, GroupUsage, GroupedPart, GroupedQuery, UsageQuery};

use crate::event::Meters;
use crate::{App, Error, Result};

type Answer<T> = std::result::Result<T, EventStoreError>;

/// The ledgers of a scope, as they stand at one moment.
pub(crate) struct Ledgers<'a> {
    usage: &'a dyn EventStore,
    /// The other one, and what is read from there; `None` where it has nothing.
    costs: Option<(&'a dyn EventStore, Arc<Meters>)>,
}

impl App {
    /// The ledgers from which usage is read now.
    pub(crate) async fn ledgers(&self, scope: &Scope) -> Result<Ledgers<'_>> {
        let usage = self.events();
        let Some(costs) = &self.shared.costs else { return Ok(Ledgers { usage, costs: None }) };
        let meters = self.meters(scope).await?;
        let costs = (!meters.read_from_costs.is_empty()).then(|| (costs.as_ref(), meters));
        Ok(Ledgers { usage, costs })
    }

    /// Refuses, for a moment, meters that are not counted with billing, or not all of whose usage is there yet.
    pub(crate) async fn require_counted_with_billing(&self, scope: &Scope, meters: impl IntoIterator<Item = &MeterId>) -> Result<()> {
        if self.shared.costs.is_none() {
            return Ok(());
        }
        let known = self.meters(scope).await?;
        match meters.into_iter().find(|meter| known.listed.contains(*meter)) {
            None => Ok(()),
            Some(meter) => Err(Error::Unavailable(format!(
                "meter {meter} was counted for cost sheets alone and is being carried over to the usage ledger: try again in a moment, \
                 and watch the consumers of costs"
            ))),
        }
    }
}

impl<'a> Ledgers<'a> {
    /// One ledger that has all meters.
    #[cfg(test)]
    pub(crate) fn single(usage: &'a dyn EventStore) -> Self {
        Self { usage, costs: None }
    }

    /// The meters that are read from the ledger of costs.
    fn of_costs(&self) -> Option<(&'a dyn EventStore, &BTreeSet<MeterId>)> {
        self.costs.as_ref().map(|(costs, meters)| (*costs, &meters.read_from_costs))
    }

    /// As the store answers it, in the order of the queries.
    pub(crate) async fn usage(&self, scope: &Scope, queries: Vec<UsageQuery>) -> Answer<Vec<Aggregate>> {
        let Some((costs, of_costs)) = self.of_costs() else { return self.usage.usage(scope, queries).await };
        let is_there: Vec<bool> = queries.iter().map(|query| of_costs.contains(&query.meter_id)).collect();
        let (there, here) = split(&is_there, queries);
        let here = if here.is_empty() { Vec::new() } else { self.usage.usage(scope, here).await? };
        let there = if there.is_empty() { Vec::new() } else { costs.usage(scope, there).await? };
        Ok(joined(&is_there, there, here))
    }

    /// As the store answers it, in the order of the parts. Together they have no more groups than were asked for.
    pub(crate) async fn usage_by_group(&self, scope: &Scope, query: GroupedQuery) -> Answer<Vec<Vec<GroupUsage>>> {
        let Some((costs, of_costs)) = self.of_costs() else { return self.usage.usage_by_group(scope, query).await };
        let is_there: Vec<bool> = query.parts.iter().map(|part| of_costs.contains(&part.meter_id)).collect();
        let (there, here) = split(&is_there, query.parts.clone());
        let ask = async |store: &dyn EventStore, parts: Vec<GroupedPart>, groups_max: usize| {
            if parts.is_empty() {
                Ok(Vec::new())
            } else {
                store.usage_by_group(scope, GroupedQuery { parts, groups_max, ..query.clone() }).await
            }
        };
        let here = ask(self.usage, here, query.groups_max).await?;
        let left = query.groups_max.saturating_sub(here.iter().map(Vec::len).sum());
        let there = ask(costs, there, left).await.map_err(|error| match error {
            EventStoreError::TooManyGroups(_) => EventStoreError::TooManyGroups(query.groups_max),
            other => other,
        })?;
        Ok(joined(&is_there, there, here))
    }

    /// Those of some events that have been counted, each with what it added to meters, from the ledger that each is read from.
    pub(crate) async fn counted(&self, scope: &Scope, event_ids: &[String]) -> Answer<HashMap<String, CountedEvent>> {
        let mut counted = self.usage.counted(scope, event_ids).await?;
        let Some((costs, of_costs)) = self.of_costs() else { return Ok(counted) };
        for event in counted.values_mut() {
            event.entries.retain(|entry| !of_costs.contains(&entry.meter_id));
        }
        for (id, mut found) in costs.counted(scope, event_ids).await? {
            found.entries.retain(|entry| of_costs.contains(&entry.meter_id));
            // Either may be ahead of the other.
            let entries = std::mem::take(&mut found.entries);
            let event = counted.entry(id).or_insert(found);
            event.entries.extend(entries);
            event.entries.sort_by(|one, other| one.meter_id.cmp(&other.meter_id));
        }
        Ok(counted)
    }
}

/// What is asked of the ledger of costs, and of the other.
fn split<T>(is_there: &[bool], asked: Vec<T>) -> (Vec<T>, Vec<T>) {
    let (there, here): (Vec<_>, Vec<_>) = is_there.iter().zip(asked).partition(|(is_there, _)| **is_there);
    let bare = |asked: Vec<(&bool, T)>| asked.into_iter().map(|(_, asked)| asked).collect();
    (bare(there), bare(here))
}

/// Answers in the order in which was asked.
fn joined<T: Default>(is_there: &[bool], there: Vec<T>, here: Vec<T>) -> Vec<T> {
    let (mut there, mut here) = (there.into_iter(), here.into_iter());
    is_there.iter().map(|is_there| if *is_there { there.next() } else { here.next() }.unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_the_order_of_the_questions() {
        let is_there = [false, true, true, false, true];
        let (there, here) = split(&is_there, vec![0, 1, 2, 3, 4]);
        assert_eq!((there.as_slice(), here.as_slice()), ([1, 2, 4].as_slice(), [0, 3].as_slice()));
        assert_eq!(joined(&is_there, there, here), [0, 1, 2, 3, 4]);
    }
}
