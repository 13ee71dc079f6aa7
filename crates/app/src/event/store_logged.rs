//! From the event log to the stores: what a consumer does with a batch (spec 10 §§4, 5).

use std::collections::HashMap;

use domain::event::Event;
use domain::scope::Scope;
use streams::{Ledger, LogPartition, LoggedBatch, LoggedEvent, MeteredEvent};

use crate::{App, Error, Result};

/// An event as a consumer reads it.
#[derive(Clone, Debug)]
pub struct LogRecord {
    /// Its place in the partition.
    pub offset: i64,
    /// Whose it is.
    pub scope: Scope,
    /// The event.
    pub event: Event,
}

/// What became of a batch.
#[derive(Clone, Debug, Default)]
pub struct StoredRecords {
    /// The last offset of the partition that the store holds now.
    pub position: Option<i64>,
    /// Events that were not known before.
    pub new: usize,
    /// Copies, which changed nothing.
    pub duplicates: usize,
    /// Whether the next batch begins after the last offset of this one; else another process was quicker and nothing was stored.
    pub settled: bool,
    /// Offsets that no further try would store, and why.
    pub dead: Vec<(i64, String)>,
}

impl App {
    /// The last offset of a partition that a ledger holds.
    pub async fn log_position(&self, ledger: Ledger, partition: &LogPartition) -> Result<Option<i64>> {
        Ok(self.log_store()?.position(ledger, partition).await?)
    }

    /// Stores a batch of one partition: raw events, or what they add to meters. Meters are those of the moment, and at least those that
    /// were there when the events were accepted. Nothing is counted twice, whatever is repeated.
    pub async fn store_logged(
        &self,
        ledger: Ledger,
        partition: LogPartition,
        after: Option<i64>,
        records: Vec<LogRecord>,
        last: i64,
    ) -> Result<StoredRecords> {
        let mut stored = StoredRecords::default();
        let meters = match ledger {
            Ledger::Events => HashMap::new(),
            Ledger::Usage => {
                let mut scopes: Vec<Scope> = records.iter().map(|record| record.scope.clone()).collect();
                scopes.sort_unstable();
                scopes.dedup();
                self.meters_for_counting(&scopes).await?
            }
        };
        let mut events = Vec::with_capacity(records.len());
        for LogRecord { offset, scope, event } in records {
            let measured = event.validate().and_then(|()| match meters.get(&scope) {
                Some(meters) => self.measure_all(meters, &event),
                None => Ok(Vec::new()),
            });
            match measured {
                Ok(entries) => events.push(LoggedEvent { offset, scope, event: MeteredEvent { event, entries } }),
                Err(invalid) => stored.dead.push((offset, invalid.message)),
            }
        }
        let outcome = self.log_store()?.append_logged(ledger, LoggedBatch { partition, after, last, events }).await?;
        stored.position = outcome.position;
        stored.settled = outcome.settled;
        stored.new = outcome.new;
        stored.duplicates = outcome.duplicates;
        Ok(stored)
    }

    fn log_store(&self) -> Result<&dyn streams::LogStore> {
        let store = self.shared.log_store.as_deref();
        store.ok_or_else(|| Error::Internal("the event store of this process takes no events from a log".into()))
    }
}
