//! From the event log to the stores: what a consumer does with a batch (spec 10 §§4, 5).

use std::collections::HashMap;

use domain::scope::Scope;
use streams::{Ledger, LogPartition, LogRecord, LoggedBatch, LoggedEvent, MeteredEvent, Stored};

use super::ingest::measure;
use crate::{App, Error, Result};

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogOutcome {
    /// The store took it, or stands elsewhere.
    Stored(Stored),
    /// Nothing was stored, since no try would ever store these: offsets, ascending, and why. Once they are put aside, the rest can come again.
    Dead(Vec<(i64, String)>),
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
    ) -> Result<LogOutcome> {
        let meters = match ledger {
            Ledger::Events => HashMap::new(),
            Ledger::Usage | Ledger::Costs => {
                let mut scopes: Vec<Scope> = records.iter().map(|record| record.scope.clone()).collect();
                scopes.sort_unstable();
                scopes.dedup();
                self.meters_for_counting(ledger, &scopes).await?
            }
        };
        let (mut events, mut dead) = (Vec::with_capacity(records.len()), Vec::new());
        for LogRecord { offset, scope, event } in records {
            let measured = event.validate().and_then(|()| match meters.get(&scope) {
                Some(meters) => self.measure_all(meters, &event),
                None => Ok(Vec::new()),
            });
            match measured {
                // The position passes them all the same.
                Ok(entries) if entries.is_empty() && ledger == Ledger::Costs => {}
                Ok(entries) => events.push(LoggedEvent { offset, scope, event: MeteredEvent { event, entries } }),
                Err(invalid) => dead.push((offset, invalid.message)),
            }
        }
        // Not the others either: with them the position would pass the dead, and who dies before they are put aside loses them.
        if !dead.is_empty() {
            // The other ledgers read the same events.
            if ledger == Ledger::Events {
                measure("dead", dead.len());
            }
            return Ok(LogOutcome::Dead(dead));
        }
        let stored = self.log_store()?.append_logged(ledger, LoggedBatch { partition, after, last, events }).await?;
        if ledger == Ledger::Events {
            measure("new", stored.new);
            measure("duplicate", stored.duplicates);
        }
        Ok(LogOutcome::Stored(stored))
    }

    fn log_store(&self) -> Result<&dyn streams::LogStore> {
        let store = self.shared.log_store.as_deref();
        store.ok_or_else(|| Error::Internal("the event store of this process takes no events from a log".into()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use domain::event::Event;
    use domain::ids::MeterId;
    use domain::time::Timestamp;
    use storage::{Database, DatabaseOptions};
    use streams::{EmbeddedEventStore, EmbeddedOptions, EventStoreError, LogStore};

    use super::*;
    use crate::{Foundation, Settings, UlidIds};

    /// Takes every batch, and keeps the offsets.
    #[derive(Default)]
    struct Taken(Mutex<Vec<i64>>);

    #[async_trait]
    impl LogStore for Taken {
        async fn position(&self, _: Ledger, _: &LogPartition) -> std::result::Result<Option<i64>, EventStoreError> {
            Ok(self.0.lock().unwrap().last().copied())
        }

        async fn append_logged(&self, _: Ledger, batch: LoggedBatch) -> std::result::Result<Stored, EventStoreError> {
            self.0.lock().unwrap().extend(batch.events.iter().map(|event| event.offset));
            Ok(Stored { position: Some(batch.last), settled: true, new: batch.events.len(), duplicates: 0 })
        }

        async fn carry_over(
            &self,
            _: &Scope,
            _: &MeterId,
            _: Ledger,
            _: Ledger,
            _: &[(LogPartition, i64)],
        ) -> std::result::Result<(), EventStoreError> {
            Ok(())
        }
    }

    fn record(offset: i64, name: &str) -> LogRecord {
        let (id, external_customer_id, at) =
            (format!("event-{offset}"), "customer".to_owned(), Timestamp::from_micros(1_717_200_000_000_000));
        let (customer_id, source, properties) = (String::new(), String::new(), String::new());
        let (timestamp, ingested_at, name) = (at, at, name.to_owned());
        let event = Event { id, name, external_customer_id, customer_id, timestamp, ingested_at, source, properties };
        LogRecord { offset, scope: Scope { tenant_id: "t".into(), environment_id: "e".into() }, event }
    }

    /// Dead letters are put aside before anything behind them is stored: the position must not pass them earlier.
    #[tokio::test]
    async fn a_batch_with_a_dead_event_is_not_stored_until_it_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(&dir.path().join("app.db"), &DatabaseOptions::default()).await.unwrap();
        database.migrate().await.unwrap();
        let options = EmbeddedOptions { disk_reserve_bytes: 0, ..EmbeddedOptions::default() };
        let events = Arc::new(EmbeddedEventStore::open(dir.path().join("events"), options).unwrap());
        let store = Arc::new(Taken::default());
        let foundation = Foundation { log_store: Some(store.clone()), ..Foundation::embedded(database, events) };
        let app = App::start(foundation, || Timestamp::from_micros(1), Box::new(UlidIds::default()), Settings::default()).await.unwrap();

        let partition = LogPartition { topic: "events".to_owned(), partition: 0 };
        let mut records = vec![record(3, "call"), record(4, ""), record(7, "call")];
        let outcome = app.store_logged(Ledger::Events, partition.clone(), None, records.clone(), 7).await.unwrap();
        let LogOutcome::Dead(dead) = outcome else { panic!("{outcome:?}") };
        assert!(dead.len() == 1 && dead[0].0 == 4 && dead[0].1.contains("event_name"), "{dead:?}");
        assert!(store.0.lock().unwrap().is_empty());

        records.remove(1);
        let outcome = app.store_logged(Ledger::Events, partition, None, records, 7).await.unwrap();
        assert_eq!(outcome, LogOutcome::Stored(Stored { position: Some(7), settled: true, new: 2, duplicates: 0 }));
        assert_eq!(*store.0.lock().unwrap(), [3, 7]);
    }
}
