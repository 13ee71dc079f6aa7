//! From requests to one batch: the intake drops duplicates and stores events, then the hours add their rows.

use fjall::OwnedWriteBatch;

use super::cells::Cells;
use super::hours::add_hours;
use super::intake::{Intake, TakenIn};
use super::late::LateIntake;
use super::names::{At, Names};
use super::pending::{InFlight, Pending};
use super::queue::Request;
use super::sieve::Sieve;
use super::uniques::Uniques;
use crate::embedded::engine::Engine;
use crate::embedded::key::{self, ID_BYTES};
use crate::embedded::options::EmbeddedOptions;
use crate::{Appended, EventStoreError};

/// The writer's memory of the store.
pub(super) struct Preparer {
    names: Names,
    ids: Sieve<ID_BYTES>,
    uniques: Uniques,
    cells: Cells,
    in_flight: InFlight,
    next_chunk: u64,
}

/// A prepared group.
pub(super) struct Prepared {
    pub(super) batch: OwnedWriteBatch,
    /// Per request, in order.
    pub(super) outcomes: Vec<Vec<Appended>>,
}

impl Preparer {
    pub(super) fn open(engine: &Engine, options: &EmbeddedOptions) -> Result<Self, EventStoreError> {
        Ok(Self {
            names: Names::open(engine)?,
            ids: Sieve::open(engine, &engine.ids, options.id_sieve_bytes_max)?,
            uniques: Uniques::new(Sieve::open(engine, &engine.uniques, options.unique_sieve_bytes_max)?),
            cells: Cells::new(options.cell_cache_bytes, options.loose_rows_max),
            in_flight: InFlight::default(),
            next_chunk: engine.last_chunk()?.map_or(0, |chunk| chunk + 1),
        })
    }

    /// Forgets what is needed only until a group is committed.
    pub(super) fn committed(&mut self, group: u64) {
        self.in_flight.committed(group);
    }

    /// Prepares a group. After an error the memory is no longer true to the store: open it again.
    pub(super) fn prepare(&mut self, engine: &Engine, group: u64, requests: &[Request]) -> Result<Prepared, EventStoreError> {
        self.ids.look_after();
        self.uniques.look_after();
        let events: usize = requests.iter().map(|request| request.work.len()).sum();
        let mut batch = engine.batch(events * 4 + 16);
        let mut pending = Pending::default();
        let mut at = At { engine, in_flight: &self.in_flight, pending: &mut pending, batch: &mut batch };
        // Unique in the store and ascending: numbers the group's ledger values and new slots.
        let number = self.next_chunk;
        let TakenIn { outcomes, mut events, entries, next_chunk } = if is_late(requests) {
            LateIntake::new(&mut self.names).take_in(&mut at, number, requests)?
        } else {
            Intake::new(&mut self.names, &mut self.ids, number, events).take_in(&mut at, requests)?
        };
        self.next_chunk = next_chunk;
        add_hours(&mut at, number, &mut events, &entries, &mut self.cells, &mut self.uniques)?;
        self.cells.write(&mut at);
        // In the order of keys: neighbours are quicker to insert.
        let mut uniques: Vec<_> = at.pending.uniques.iter().map(|(key, days)| (*key, *days)).collect();
        uniques.sort_unstable();
        for (key, days) in uniques {
            at.batch.insert(&engine.uniques, key, days.to_be_bytes());
        }
        if requests.iter().any(|request| request.work.len() == 0) {
            at.batch.insert(&engine.names, key::CHECK, []);
        }
        self.in_flight.push(group, pending);
        Ok(Prepared { batch, outcomes })
    }
}

/// Whether a group adds entries to stored events. Such a group is prepared when nothing is on its way.
pub(super) fn is_late(group: &[Request]) -> bool {
    group.first().is_some_and(|first| first.work.is_late())
}
