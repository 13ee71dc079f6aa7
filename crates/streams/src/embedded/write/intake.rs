//! The first pass over a group: which events are new, where their bodies go, and the keys that find them.

use super::hours::{NewEvent, PackedEntry};
use super::names::{At, Names};
use super::queue::{Incoming, Request, Work};
use super::sieve::Sieve;
use super::timeline::write_timeline;
use crate::embedded::body::{self, CHUNK_BYTES, Place};
use crate::embedded::copies;
use crate::embedded::engine::engine_error;
use crate::embedded::key::{self, ID_BYTES, IdKey, Kind, Number};
use crate::embedded::ledger::RowKind;
use crate::embedded::span::{Level, Span};
use crate::{Appended, COPIES_KEPT, EventStoreError};

/// What the intake leaves for the passes after it.
pub(super) struct TakenIn<'e> {
    /// Per request, in order.
    pub(super) outcomes: Vec<Vec<Appended>>,
    /// The new events.
    pub(super) events: Vec<NewEvent<'e>>,
    /// Their entries.
    pub(super) entries: Vec<PackedEntry<'e>>,
    pub(super) next_chunk: u64,
}

/// An event of the group, in the order of arrival.
struct Candidate<'e> {
    scope: Number,
    event: &'e Incoming,
    body: &'e [u8],
    outcome: Appended,
    place: Place,
}

/// The intake of one group.
pub(super) struct Intake<'a, 'e> {
    names: &'a mut Names,
    ids: &'a mut Sieve<ID_BYTES>,
    number: u64,
    chunk: Vec<u8>,
    /// Where the next body goes.
    next: Place,
    candidates: Vec<Candidate<'e>>,
    events: Vec<NewEvent<'e>>,
    entries: Vec<PackedEntry<'e>>,
}

/// Arrivals with their ids, in the order of ids, then of arrival.
type ById = Vec<(IdKey, usize)>;

impl<'a, 'e> Intake<'a, 'e> {
    /// `number` is the group's, and that of its first chunk.
    pub(super) fn new(names: &'a mut Names, ids: &'a mut Sieve<ID_BYTES>, number: u64, events: usize) -> Self {
        Self {
            names,
            ids,
            number,
            chunk: Vec::with_capacity(2 * CHUNK_BYTES),
            next: Place { chunk: number, index: 0 },
            candidates: Vec::with_capacity(events),
            events: Vec::with_capacity(events),
            entries: Vec::new(),
        }
    }

    pub(super) fn take_in(mut self, at: &mut At<'_>, requests: &'e [Request]) -> Result<TakenIn<'e>, EventStoreError> {
        for request in requests {
            let Work::Append { events, bodies } = &request.work else { continue };
            let scope = self.names.number(at, Kind::Scope, 0, &key::scope_name(&request.scope), 0)?.number;
            self.candidates.extend(events.iter().map(|event| {
                let (body, outcome) = (&bodies[event.body.clone()], Appended::Duplicate);
                Candidate { scope, event, body, outcome, place: self.next }
            }));
        }
        let (new, copies) = self.find_new(at)?;
        self.store_new(at)?;
        self.write_keys(at, &new);
        self.keep_copies(at, &copies)?;
        at.pending.ids = new.into_iter().map(|(id, _)| id).collect();
        let mut outcomes = self.candidates.iter().map(|candidate| candidate.outcome);
        let outcomes = requests.iter().map(|request| outcomes.by_ref().take(request.work.len()).collect()).collect();
        Ok(TakenIn { outcomes, events: self.events, entries: self.entries, next_chunk: self.next.chunk })
    }

    /// Marks the first arrival of each id that the store does not have. Returns these and all others in the order of ids: looked up and
    /// inserted in this order, neighbours find their way in the processor's caches.
    fn find_new(&mut self, at: &At<'_>) -> Result<(ById, ById), EventStoreError> {
        let ids = self.candidates.iter().enumerate().map(|(arrival, candidate)| (key::id(candidate.scope, &candidate.event.hash), arrival));
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable_by_key(|(id, arrival)| (ordered(id), *arrival));
        let (mut new, mut copies) = (Vec::with_capacity(ids.len()), Vec::new());
        let mut before = None;
        for (id, arrival) in ids {
            let is_first = before.replace(id) != Some(id);
            if is_first && (!self.ids.note(&id) || !at.in_flight.has_id(&id) && !at.engine.ids.contains_key(id).map_err(engine_error)?) {
                self.candidates[arrival].outcome = Appended::New;
                new.push((id, arrival));
            } else {
                copies.push((id, arrival));
            }
        }
        Ok((new, copies))
    }

    /// Keeps the newest copies of each event in a ring.
    fn keep_copies(&self, at: &mut At<'_>, copies: &[(IdKey, usize)]) -> Result<(), EventStoreError> {
        for copies in copies.chunk_by(|(one, _), (two, _)| one == two) {
            let Some((id, _)) = copies.first() else { continue };
            let before = match at.in_flight.copies(id) {
                Some(known) => known,
                None => at.engine.copies.get(id).map_err(engine_error)?.map_or(Ok(0), |stored| copies::decode_count(&stored))?,
            };
            let numbered: Vec<_> = (before..).zip(copies).collect();
            for (number, (_, arrival)) in &numbered[numbered.len().saturating_sub(COPIES_KEPT)..] {
                let value = copies::encode(*number, self.candidates[*arrival].body);
                at.batch.insert(&at.engine.copies, copies::key(id, *number), value.as_slice());
            }
            let count = before + copies.len() as u64;
            at.batch.insert(&at.engine.copies, *id, copies::encode_count(count));
            at.pending.copies.insert(*id, count);
        }
        Ok(())
    }

    /// Packs the bodies of new events and numbers their names, in the order of arrival.
    fn store_new(&mut self, at: &mut At<'_>) -> Result<(), EventStoreError> {
        for arrival in 0..self.candidates.len() {
            let Candidate { scope, event, body, outcome, .. } = self.candidates[arrival];
            if outcome == Appended::Duplicate {
                continue;
            }
            if self.next.index > 0 && self.chunk.len() + body.len() > CHUNK_BYTES {
                self.close_chunk(at);
            }
            let place = self.next;
            body::put_in_chunk(&mut self.chunk, body);
            self.next.index += 1;
            self.candidates[arrival].place = place;
            let name = self.names.number(at, Kind::EventName, scope, event.name.as_bytes(), 0)?.number;
            let customer = self.names.number(at, Kind::Customer, scope, event.customer.as_bytes(), 0)?.number;
            let first = self.entries.len();
            for entry in &event.entries {
                let meter = self.names.number(at, Kind::Meter, scope, entry.meter_id.as_str().as_bytes(), name)?;
                self.entries.push(PackedEntry::new(meter, entry));
            }
            self.events.push(NewEvent {
                scope,
                customer,
                hour: Span::around(Level::Hour, event.timestamp),
                timestamp: event.timestamp,
                id: &event.id,
                name,
                place,
                kind: RowKind::First,
                entries: first..self.entries.len(),
            });
        }
        self.close_chunk(at);
        Ok(())
    }

    fn close_chunk(&mut self, at: &mut At<'_>) {
        if self.next.index > 0 {
            at.batch.insert(&at.engine.bodies, self.next.chunk.to_be_bytes(), self.chunk.as_slice());
            self.chunk.clear();
            self.next = Place { chunk: self.next.chunk + 1, index: 0 };
        }
    }

    fn write_keys(&self, at: &mut At<'_>, new: &[(IdKey, usize)]) {
        for (id, arrival) in new {
            at.batch.insert(&at.engine.ids, *id, self.candidates[*arrival].place.to_bytes().as_slice());
        }
        write_timeline(at, self.number, &self.events);
    }
}

/// A key as numbers, whose order is that of its bytes and which compare more quickly.
fn ordered(id: &IdKey) -> (u128, u32) {
    let (head, tail) = id.split_at(16);
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
    (number(head), u32::try_from(number(tail)).unwrap_or(u32::MAX))
}
