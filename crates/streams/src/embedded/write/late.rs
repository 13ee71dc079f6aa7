//! Entries for events that were stored before: which of them their events lack.

use std::collections::{HashMap, HashSet};

use fjall::UserValue;

use super::hours::{NewEvent, PackedEntry};
use super::intake::TakenIn;
use super::names::{At, Names};
use super::queue::{IncomingEntry, Request, Work};
use crate::embedded::body::Place;
use crate::embedded::codec::Bytes;
use crate::embedded::engine::engine_error;
use crate::embedded::key::{self, IdKey, Kind, Number, Summed};
use crate::embedded::ledger::{Row, RowKind, Rows};
use crate::embedded::span::{Level, Span};
use crate::{Appended, EventStoreError};

/// An entry whose event the store has, if customer and time are those of the event.
struct Candidate<'e> {
    scope: Number,
    customer: Number,
    hour: Span,
    place: Place,
    id: IdKey,
    /// Among all entries of the group.
    arrival: usize,
    incoming: &'e IncomingEntry,
}

/// Takes in the late entries of a group. Nothing may be on its way to the store meanwhile: the engine alone is asked what events hold.
pub(super) struct LateIntake<'a, 'e> {
    names: &'a mut Names,
    outcomes: Vec<Appended>,
    /// Events and meters that have got their entry in this group.
    seen: HashSet<(IdKey, Number)>,
    events: Vec<NewEvent<'e>>,
    entries: Vec<PackedEntry<'e>>,
}

impl<'a, 'e> LateIntake<'a, 'e> {
    pub(super) fn new(names: &'a mut Names) -> Self {
        Self { names, outcomes: Vec::new(), seen: HashSet::new(), events: Vec::new(), entries: Vec::new() }
    }

    /// `number` is the group's: what is added takes it up.
    pub(super) fn take_in(mut self, at: &mut At<'_>, number: u64, requests: &'e [Request]) -> Result<TakenIn<'e>, EventStoreError> {
        let mut candidates = self.candidates(at, requests)?;
        // Entries of one stored value come one after the other; those of one event in the order of arrival.
        candidates.sort_unstable_by_key(|candidate| (candidate.customer, candidate.hour, candidate.place, candidate.arrival));
        for of_hour in candidates.chunk_by(|one, two| (one.customer, one.hour) == (two.customer, two.hour)) {
            self.take_hour(at, of_hour)?;
        }
        let next_chunk = if self.events.is_empty() {
            number
        } else {
            // The place of a chunk is taken, so that no later group gets the same number.
            at.batch.insert(&at.engine.bodies, number.to_be_bytes(), []);
            number + 1
        };
        let mut outcomes = self.outcomes.into_iter();
        let outcomes = requests.iter().map(|request| outcomes.by_ref().take(request.work.len()).collect()).collect();
        Ok(TakenIn { outcomes, events: self.events, entries: self.entries, next_chunk })
    }

    fn candidates(&mut self, at: &At<'_>, requests: &'e [Request]) -> Result<Vec<Candidate<'e>>, EventStoreError> {
        let mut candidates = Vec::new();
        for request in requests {
            let Work::Late(entries) = &request.work else { continue };
            let first = self.outcomes.len();
            self.outcomes.resize(first + entries.len(), Appended::Duplicate);
            let Some(scope) = self.names.find(at, Kind::Scope, 0, &key::scope_name(&request.scope))? else { continue };
            let scope = scope.number;
            for (arrival, incoming) in (first..).zip(entries) {
                let customer = incoming.late.external_customer_id.as_bytes();
                let Some(customer) = self.names.find(at, Kind::Customer, scope, customer)? else { continue };
                let id = key::id(scope, &incoming.hash);
                let Some(place) = at.engine.ids.get(id).map_err(engine_error)? else { continue };
                let place = Place::read(&mut Bytes(&place))?;
                let hour = Span::around(Level::Hour, incoming.late.timestamp);
                candidates.push(Candidate { scope, customer: customer.number, hour, place, id, arrival, incoming });
            }
        }
        Ok(candidates)
    }

    /// Takes candidates of one hour of a customer, sorted by place. The rows of a group are one value, and so are the candidates' places.
    fn take_hour(&mut self, at: &mut At<'_>, mut candidates: &[Candidate<'e>]) -> Result<(), EventStoreError> {
        while let Some(first) = candidates.first() {
            let values = first_rows(at, first)?;
            let mut rows: HashMap<&str, Row<'_>> = HashMap::new();
            for value in &values {
                let mut reading = Rows(Bytes(value));
                while let Some(row) = reading.next()? {
                    if row.head.kind == RowKind::First {
                        rows.insert(row.head.event_id, row);
                    }
                }
            }
            let of_value = candidates.iter().take_while(|candidate| rows.contains_key(candidate.incoming.late.event_id.as_str())).count();
            let (here, rest) = candidates.split_at(of_value);
            for candidate in here {
                if let Some(row) = rows.get(candidate.incoming.late.event_id.as_str()) {
                    self.take(at, candidate, row)?;
                }
            }
            // One that is not where it says gets nothing.
            candidates = if here.is_empty() { &rest[1..] } else { rest };
        }
        Ok(())
    }

    fn take(&mut self, at: &mut At<'_>, candidate: &Candidate<'e>, row: &Row<'_>) -> Result<(), EventStoreError> {
        let Candidate { scope, customer, hour, place, id, arrival, incoming } = *candidate;
        let late = &incoming.late;
        if row.head.timestamp != late.timestamp || row.head.place != place {
            return Ok(());
        }
        let name = row.head.event_name;
        let meter = self.names.number(at, Kind::Meter, scope, late.entry.meter_id.as_str().as_bytes(), name)?;
        for entry in row.entries() {
            if entry?.meter == meter.number {
                return Ok(());
            }
        }
        let late_key = key::late(&id, meter.number);
        if !self.seen.insert((id, meter.number)) || at.engine.ids.contains_key(late_key).map_err(engine_error)? {
            return Ok(());
        }
        let packed = PackedEntry::new(meter, &late.entry);
        let mut value = Vec::new();
        packed.entry.put(&mut value);
        at.batch.insert(&at.engine.ids, late_key, value);
        self.outcomes[arrival] = Appended::New;
        let first = self.entries.len();
        self.entries.push(packed);
        self.events.push(NewEvent {
            scope,
            customer,
            hour,
            timestamp: late.timestamp,
            id: &late.event_id,
            name,
            place,
            kind: RowKind::Late,
            entries: first..self.entries.len(),
        });
        Ok(())
    }
}

/// Values one of which has the row that the event brought along, if its customer and hour are as the candidate says. Groups are numbered by
/// their first chunk, so it is the last one that begins at or before the event's chunk.
fn first_rows(at: &At<'_>, candidate: &Candidate<'_>) -> Result<Vec<UserValue>, EventStoreError> {
    let Candidate { customer, hour, place, .. } = *candidate;
    let mut found = Vec::new();
    for summed in Summed::ALL {
        let keys = key::ledger(customer, summed, hour, 0)..=key::ledger(customer, summed, hour, place.chunk);
        if let Some(guard) = at.engine.ledger.range(keys).next_back() {
            found.push(guard.value().map_err(engine_error)?);
        }
    }
    Ok(found)
}
