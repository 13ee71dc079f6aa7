//! What single events hold: their entries, the copies of them that were refused.

use std::collections::BTreeMap;

use domain::ids::MeterId;
use domain::meter::LedgerEntry;
use domain::scope::Scope;

use super::bodies::Bodies;
use super::view::View;
use crate::embedded::codec::{Bytes, corrupt};
use crate::embedded::key::{self, Kind, Number};
use crate::embedded::ledger::{Entry, RowKind, Rows};
use crate::embedded::span::{Level, Span};
use crate::{EventStoreError, RefusedCopy};

/// What an event added to meters, in the order of their ids.
pub(in crate::embedded) fn entries(view: &View, scope: &Scope, event_id: &str) -> Result<Vec<LedgerEntry>, EventStoreError> {
    let Some(scope) = view.scope(scope)? else { return Ok(Vec::new()) };
    let id = key::id(scope, &key::id_hash(event_id));
    let Some(place) = view.place(&id)? else { return Ok(Vec::new()) };
    let mut bodies = Bodies::new(view);
    let body = bodies.body(place)?;
    let hour = Span::around(Level::Hour, body.timestamp);
    let customer = view.numbered(Kind::Customer, scope, body.external_customer_id.as_bytes())?;
    let customer = customer.ok_or_else(|| corrupt("an event's customer has no number"))?.number;
    let first = view.first_rows(customer, hour, place)?;
    let late = view.late_entries(&id).collect::<Result<Vec<_>, _>>()?;
    let mut found: Vec<Entry<'_>> = Vec::new();
    for value in &first {
        let mut rows = Rows(Bytes(value));
        while let Some(row) = rows.next()? {
            if row.head.place == place && row.head.kind == RowKind::First {
                for entry in row.entries() {
                    found.push(entry?);
                }
            }
        }
    }
    for value in &late {
        found.push(Entry::read(&mut Bytes(value))?);
    }
    with_meters(view, scope, &found)
}

fn with_meters(view: &View, scope: Number, entries: &[Entry<'_>]) -> Result<Vec<LedgerEntry>, EventStoreError> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let mut meters: BTreeMap<Number, MeterId> = BTreeMap::new();
    for meter in view.meters(scope) {
        let (number, meter_id) = meter?;
        if entries.iter().any(|entry| entry.meter == number) {
            meters.insert(number, meter_id);
        }
    }
    let told = entries.iter().map(|entry| {
        let meter_id = meters.get(&entry.meter).cloned().ok_or_else(|| corrupt("an entry's meter has no name"))?;
        Ok(entry.to_ledger(meter_id))
    });
    let mut told = told.collect::<Result<Vec<_>, EventStoreError>>()?;
    told.sort_by(|one, two| one.meter_id.as_str().cmp(two.meter_id.as_str()));
    Ok(told)
}

/// The refused copies of an event that are kept, newest first.
pub(in crate::embedded) fn copies(view: &View, scope: &Scope, event_id: &str) -> Result<Vec<RefusedCopy>, EventStoreError> {
    let Some(scope) = view.scope(scope)? else { return Ok(Vec::new()) };
    let id = key::id(scope, &key::id_hash(event_id));
    let mut copies = view.copies(&id).collect::<Result<Vec<_>, _>>()?;
    copies.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
    Ok(copies.into_iter().map(|(_, copy)| copy).collect())
}
