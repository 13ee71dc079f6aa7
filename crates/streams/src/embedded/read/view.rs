//! One consistent state of the store, with typed access to its keyspaces.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use domain::ids::MeterId;
use domain::scope::Scope;
use domain::time::Timestamp;
use fjall::{Keyspace, Readable, Snapshot, UserKey, UserValue};

use crate::embedded::body::Place;
use crate::embedded::cell::{self, Cell};
use crate::embedded::codec::{Bytes, corrupt};
use crate::embedded::copies;
use crate::embedded::engine::{Engine, engine_error};
use crate::embedded::key::{self, CellId, IdKey, Kind, Number, Summed};
use crate::embedded::ledger::{Row, Rows};
use crate::embedded::span::{Span, Stretch};
use crate::embedded::write::{Numbered, decode_days};
use crate::{EventStoreError, RefusedCopy};

/// A snapshot.
pub(in crate::embedded) struct View {
    snapshot: Snapshot,
    engine: Arc<Engine>,
}

/// A key and its value.
pub(super) type Pair = Result<(UserKey, UserValue), EventStoreError>;

impl View {
    pub(in crate::embedded) fn new(engine: Arc<Engine>) -> Self {
        Self { snapshot: engine.db.snapshot(), engine }
    }

    /// The number of a scope that has events.
    pub(super) fn scope(&self, scope: &Scope) -> Result<Option<Number>, EventStoreError> {
        Ok(self.numbered(Kind::Scope, 0, &key::scope_name(scope))?.map(|numbered| numbered.number))
    }

    /// The number of a name that events have used.
    pub(super) fn numbered(&self, kind: Kind, scope: Number, name: &[u8]) -> Result<Option<Numbered>, EventStoreError> {
        let mut name_key = Vec::with_capacity(5 + name.len());
        key::name(kind, scope, name, &mut name_key);
        // Whoever asks may ask for anything: the engine panics over a key that is too long to be there.
        if name_key.len() > key::BYTES_MAX {
            return Ok(None);
        }
        self.get(&self.engine.names, &name_key)?.map(|value| Numbered::from_bytes(&value)).transpose()
    }

    /// Every customer of a scope.
    pub(super) fn customers(&self, scope: Number) -> impl Iterator<Item = Result<Number, EventStoreError>> + use<> {
        let mut prefix = Vec::with_capacity(5);
        key::name(Kind::Customer, scope, &[], &mut prefix);
        self.snapshot.prefix(&self.engine.names, prefix).map(|guard| {
            let value = guard.value().map_err(engine_error)?;
            Ok(Numbered::from_bytes(&value)?.number)
        })
    }

    /// The cells of the wanted meters of a pack in a customer's spans `first` to `last`, ascending: each with its slots added up.
    pub(super) fn cells(
        &self,
        (customer, pack): (Number, Number),
        (first, last): (Span, Span),
        wanted: impl Fn(Number) -> bool,
        mut each: impl FnMut(Span, Number, Cell) -> Result<(), EventStoreError>,
    ) -> Result<(), EventStoreError> {
        let id = |span| CellId { customer, pack, span };
        let mut current: Option<Span> = None;
        let mut of_span: Vec<(Number, Cell)> = Vec::new();
        for pair in self.pairs(&self.engine.cells, key::cell(id(first), 0)..=key::cell(id(last), u64::MAX)) {
            let (cell_key, value) = pair?;
            let span = key::parse_cell(&cell_key)?;
            if let Some(before) = current.replace(span).filter(|before| *before != span) {
                of_span.drain(..).try_for_each(|(meter, cell)| each(before, meter, cell))?;
            }
            cell::decode(&value, &wanted, |meter, slot| match of_span.iter_mut().find(|(known, _)| *known == meter) {
                Some((_, cell)) => cell.merge(&slot),
                None => of_span.push((meter, slot)),
            })?;
        }
        current.map_or(Ok(()), |span| of_span.into_iter().try_for_each(|(meter, cell)| each(span, meter, cell)))
    }

    /// The rows of a customer's hours `first` to `last`, those of one hour in no particular order.
    pub(super) fn rows(
        &self,
        customer: Number,
        (first, last): (Span, Span),
        mut each: impl FnMut(&Row<'_>) -> Result<(), EventStoreError>,
    ) -> Result<(), EventStoreError> {
        Summed::ALL.into_iter().try_for_each(|summed| self.rows_that_are(summed, customer, (first, last), &mut each))
    }

    /// Those of these rows that are in cells of hours, or that are not.
    pub(super) fn rows_that_are(
        &self,
        summed: Summed,
        customer: Number,
        (first, last): (Span, Span),
        mut each: impl FnMut(&Row<'_>) -> Result<(), EventStoreError>,
    ) -> Result<(), EventStoreError> {
        for pair in self.ledger(summed, customer, (first, last)) {
            each_row(&pair?.1, &mut each)?;
        }
        Ok(())
    }

    /// Values of `ledger`.
    pub(super) fn ledger(&self, summed: Summed, customer: Number, (first, last): (Span, Span)) -> Pairs {
        self.pairs(&self.engine.ledger, key::ledger(customer, summed, first, 0)..=key::ledger(customer, summed, last, u64::MAX))
    }

    /// The unique values of a customer's month from `low`, before `high` (no bound when absent), with the days they were seen on.
    pub(super) fn uniques(
        &self,
        (customer, meter, month): (Number, Number, Span),
        low: [u8; 16],
        high: Option<[u8; 16]>,
        mut each: impl FnMut([u8; 16], u32),
    ) -> Result<(), EventStoreError> {
        let bound = |hash: &[u8; 16]| key::unique(customer, meter, month, hash).to_vec();
        let end = high.map_or_else(|| Bound::Included(bound(&[u8::MAX; 16])), |high| Bound::Excluded(bound(&high)));
        for pair in self.pairs(&self.engine.uniques, (Bound::Included(bound(&low)), end)) {
            let (unique_key, days) = pair?;
            each(key::parse_unique(&unique_key)?, decode_days(&days)?);
        }
        Ok(())
    }

    /// Where the event of an id is.
    pub(super) fn place(&self, id: &IdKey) -> Result<Option<Place>, EventStoreError> {
        self.get(&self.engine.ids, id)?.map(|value| Place::read(&mut Bytes(&value))).transpose()
    }

    /// Values one of which has the row that the event at a place brought along.
    pub(super) fn first_rows(&self, customer: Number, hour: Span, place: Place) -> Result<Vec<UserValue>, EventStoreError> {
        // Groups are numbered by their first chunk.
        let last = |summed| {
            let keys = key::ledger(customer, summed, hour, 0)..=key::ledger(customer, summed, hour, place.chunk);
            self.pairs(&self.engine.ledger, keys).next_back()
        };
        Summed::ALL.into_iter().filter_map(last).map(|pair| Ok(pair?.1)).collect()
    }

    /// The encoded entries that an event got later.
    pub(super) fn late_entries(&self, id: &IdKey) -> impl Iterator<Item = Result<UserValue, EventStoreError>> + use<> {
        self.pairs(&self.engine.ids, key::late(id, 0)..=key::late(id, Number::MAX)).map(|pair| Ok(pair?.1))
    }

    /// The copies of an event that are kept, in no particular order.
    pub(super) fn copies(&self, id: &IdKey) -> impl Iterator<Item = Result<(u64, RefusedCopy), EventStoreError>> + use<> {
        self.pairs(&self.engine.copies, key::copy(id, 0)..=key::copy(id, u8::MAX)).map(|pair| copies::decode(&pair?.1))
    }

    /// Every meter of a scope, with its number.
    pub(super) fn meters(&self, scope: Number) -> impl Iterator<Item = Result<(Number, MeterId), EventStoreError>> + use<> {
        let mut prefix = Vec::with_capacity(5);
        key::name(Kind::Meter, scope, &[], &mut prefix);
        self.snapshot.prefix(&self.engine.names, prefix).map(move |guard| {
            let (name_key, value) = guard.into_inner().map_err(engine_error)?;
            let (numbered, in_value) = Numbered::with_name(&value)?;
            let name = key::parse_name(&name_key)?.unwrap_or(in_value);
            let meter = std::str::from_utf8(name).map_err(|_| corrupt("a meter id is not UTF-8"))?;
            Ok((numbered.number, meter.into()))
        })
    }

    /// A chunk of bodies.
    pub(super) fn chunk(&self, chunk: u64) -> Result<Option<UserValue>, EventStoreError> {
        self.get(&self.engine.bodies, &chunk.to_be_bytes())
    }

    /// Values of `times` with stretches that hold instants from `first` to `last`.
    pub(super) fn times(&self, scope: Number, stretch: Stretch, first: Timestamp, last: Timestamp) -> Pairs {
        let key = |instant, group, number| key::time(scope, stretch, stretch.around(instant).start, group, number);
        self.pairs(&self.engine.times, key(first, 0, 0)..=key(last, u64::MAX, u32::MAX))
    }

    fn get(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Option<UserValue>, EventStoreError> {
        self.snapshot.get(keyspace, key).map_err(engine_error)
    }

    fn pairs<K: AsRef<[u8]>>(&self, keyspace: &Keyspace, range: impl RangeBounds<K>) -> Pairs {
        Pairs(self.snapshot.range(keyspace, range))
    }
}

/// Hands out the rows of one value.
pub(super) fn each_row(value: &[u8], mut each: impl FnMut(&Row<'_>) -> Result<(), EventStoreError>) -> Result<(), EventStoreError> {
    let mut rows = Rows(Bytes(value));
    while let Some(row) = rows.next()? {
        each(&row)?;
    }
    Ok(())
}

/// Pairs of a key range, from either end.
pub(super) struct Pairs(fjall::Iter);

impl Iterator for Pairs {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        Some(self.0.next()?.into_inner().map_err(engine_error))
    }
}

impl DoubleEndedIterator for Pairs {
    fn next_back(&mut self) -> Option<Pair> {
        Some(self.0.next_back()?.into_inner().map_err(engine_error))
    }
}
