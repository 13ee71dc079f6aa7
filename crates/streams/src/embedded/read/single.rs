//! What single events hold: their entries, the copies of them that were refused.

use std::collections::{BTreeMap, HashMap};

use domain::ids::MeterId;
use domain::meter::LedgerEntry;
use domain::scope::Scope;
use domain::time::Timestamp;

use super::bodies::Bodies;
use super::view::{View, each_row};
use crate::embedded::body::Place;
use crate::embedded::codec::{Bytes, corrupt};
use crate::embedded::key::{self, IdKey, Kind, Number};
use crate::embedded::ledger::{Entry, RowKind};
use crate::embedded::span::{Level, Span};
use crate::{CountedEvent, EventStoreError, RefusedCopy};

/// Those of some events that are known: every event is counted as it is stored.
pub(in crate::embedded) fn counted(
    view: &View,
    scope: &Scope,
    event_ids: &[String],
) -> Result<HashMap<String, CountedEvent>, EventStoreError> {
    let mut counted = HashMap::new();
    let Some(scope) = view.scope(scope)? else { return Ok(counted) };
    let meters = view.meters(scope).collect::<Result<BTreeMap<_, _>, _>>()?;
    let mut bodies = Bodies::new(view);
    for event_id in event_ids {
        let id = key::id(scope, &key::id_hash(event_id));
        let Some(place) = view.place(&id)? else { continue };
        let body = bodies.body(place)?;
        let (external_customer_id, timestamp) = (body.external_customer_id.to_owned(), body.timestamp);
        let customer = view.numbered(Kind::Customer, scope, external_customer_id.as_bytes())?;
        let customer = customer.ok_or_else(|| corrupt("an event's customer has no number"))?.number;
        let mut entries = entries(view, &meters, &id, (customer, timestamp, place))?;
        entries.sort_by(|one, two| one.meter_id.as_str().cmp(two.meter_id.as_str()));
        counted.insert(event_id.clone(), CountedEvent { external_customer_id, timestamp, entries });
    }
    Ok(counted)
}

/// What an event brought along and what it got later.
fn entries(
    view: &View,
    meters: &BTreeMap<Number, MeterId>,
    id: &IdKey,
    (customer, timestamp, place): (Number, Timestamp, Place),
) -> Result<Vec<LedgerEntry>, EventStoreError> {
    let told = |entry: &Entry<'_>| {
        let meter_id = meters.get(&entry.meter).cloned().ok_or_else(|| corrupt("an entry's meter has no name"))?;
        Ok(entry.to_ledger(meter_id))
    };
    let mut found = Vec::new();
    for value in view.first_rows(customer, Span::around(Level::Hour, timestamp), place)? {
        each_row(&value, |row| {
            if row.head.place == place && row.head.kind == RowKind::First {
                for entry in row.entries() {
                    found.push(told(&entry?)?);
                }
            }
            Ok(())
        })?;
    }
    for value in view.late_entries(id) {
        found.push(told(&Entry::read(&mut Bytes(&value?))?)?);
    }
    Ok(found)
}

/// The refused copies of an event that are kept, newest first.
pub(in crate::embedded) fn copies(view: &View, scope: &Scope, event_id: &str) -> Result<Vec<RefusedCopy>, EventStoreError> {
    let Some(scope) = view.scope(scope)? else { return Ok(Vec::new()) };
    let id = key::id(scope, &key::id_hash(event_id));
    let mut copies = view.copies(&id).collect::<Result<Vec<_>, _>>()?;
    copies.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
    Ok(copies.into_iter().map(|(_, copy)| copy).collect())
}
