//! Writing a batch: what is new of it becomes one insert that only succeeds if the table still stands where the batch begins.
//!
//! The insert carries the token "partition after position", and a table takes one insert per token. So of all writers that go on from one
//! position, however late and however often repeated, one wins; the others see another position afterwards and read on from there.

use std::collections::BTreeMap;

use domain::event::Event;
use domain::meter::LedgerEntry;
use tokio::try_join;

use super::engine::Engine;
use super::known::known;
use super::position::{Position, position};
use super::row::{Counted, EventRow, IdHash, Origin, UsageRow, table};
use crate::{Appended, EventStoreError, Ledger, LogPartition, LoggedBatch, LoggedEvent, Stored};

/// How often a write begins anew because another process was quicker.
pub(super) const RACES_MAX: usize = 32;

/// What lets a table take one insert of all that go on from one position.
pub(super) fn token(partition: &str, after: Option<i64>) -> String {
    format!("{partition}/after-{}", after.map_or_else(|| "start".to_owned(), |offset| offset.to_string()))
}

/// A batch's fate, as a whole and event by event.
pub(super) struct Outcome {
    pub(super) stored: Stored,
    /// In the order of the batch. `None` where another writer was quicker, so that this one did not look.
    pub(super) events: Vec<Option<Appended>>,
}

impl Outcome {
    /// Whether another writer was quicker somewhere in the batch.
    pub(super) fn overtaken(&self) -> bool {
        self.events.contains(&None)
    }
}

/// A writer of one partition. The caller sees to it that this process has only one at a time.
pub(super) struct Writer<'a> {
    pub(super) engine: &'a Engine,
    pub(super) ledger: Ledger,
    pub(super) name: &'a str,
}

/// An event of a batch with its identity.
type Identified<'a> = (&'a LoggedEvent, IdHash);

impl Writer<'_> {
    /// Stores what is new of a batch.
    pub(super) async fn append(&self, batch: &LoggedBatch) -> Result<Outcome, EventStoreError> {
        check_order(batch)?;
        let partition = batch.partition.to_string();
        let events: Vec<Identified<'_>> =
            batch.events.iter().map(|logged| (logged, IdHash::of(&logged.scope, &logged.event.event.id))).collect();
        let mut outcome =
            Outcome { stored: Stored { position: batch.after, settled: true, new: 0, duplicates: 0 }, events: vec![None; events.len()] };
        let mut begin = 0;
        loop {
            let end = begin + self.chunk_len(&events[begin..]);
            let part = self.append_chunk(&partition, outcome.stored.position, &events[begin..end]).await?;
            outcome.stored.position = part.stored.position;
            outcome.stored.settled = part.stored.settled;
            outcome.stored.new += part.stored.new;
            outcome.stored.duplicates += part.stored.duplicates;
            outcome.events[begin..end].copy_from_slice(&part.events);
            begin = end;
            if !part.stored.settled || begin == events.len() {
                return Ok(outcome);
            }
            // Ours was stored, and another has already gone on behind it: the rest is for whoever asks from there.
            if outcome.stored.position > Some(events[begin - 1].0.offset) {
                let rest = overtaken(Position { last: outcome.stored.position, mine: None }, &events[begin..]);
                outcome.stored.settled = rest.stored.settled;
                outcome.stored.duplicates += rest.stored.duplicates;
                return Ok(outcome);
            }
        }
    }

    /// As many events as one insert takes; at least one.
    fn chunk_len(&self, events: &[Identified<'_>]) -> usize {
        let mut rows = 0;
        let fits = events.iter().take_while(|(logged, _)| {
            rows += match self.ledger {
                Ledger::Events => 1,
                Ledger::Usage | Ledger::Costs => 1 + logged.event.entries.len(),
            };
            rows <= self.engine.options().insert_rows_max
        });
        fits.count().max(1).min(events.len())
    }

    async fn append_chunk(&self, partition: &str, after: Option<i64>, events: &[Identified<'_>]) -> Result<Outcome, EventStoreError> {
        let ids: Vec<IdHash> = events.iter().map(|(_, id)| *id).collect();
        // Both in either order: if the position is still `after`, whatever anyone stores later than it is refused or refuses us by its token.
        let (found, mut known) = try_join!(self.position(partition), known(self.engine, self.ledger, &ids))?;
        if found.last != after {
            return Ok(overtaken(found, events));
        }
        // A copy within the batch is known once the first one is.
        let marks: Vec<Appended> = ids.iter().map(|id| if known.insert(*id) { Appended::New } else { Appended::Duplicate }).collect();
        let new: Vec<Identified<'_>> =
            events.iter().zip(&marks).filter(|(_, mark)| **mark == Appended::New).map(|(event, _)| *event).collect();
        let Some((last_new, _)) = new.last() else {
            let stored = Stored { position: after, settled: true, new: 0, duplicates: events.len() };
            return Ok(Outcome { stored, events: looked_at(marks) });
        };
        self.insert(partition, &new, &token(partition, after)).await?;
        let reached = self.position(partition).await?;
        if reached.mine == Some(last_new.offset) {
            let stored = Stored { position: reached.last, settled: true, new: new.len(), duplicates: events.len() - new.len() };
            return Ok(Outcome { stored, events: looked_at(marks) });
        }
        if reached.last == after {
            // Acknowledged, yet neither ours nor another's is there: this replica lags, or rows were removed beside us. Nothing is lost by
            // asking again.
            return Err(EventStoreError::Unavailable(format!("clickhouse: {partition} does not yet show what it has acknowledged")));
        }
        tracing::info!(partition, ?after, position = ?reached.last, "another writer of the partition was quicker");
        metrics::counter!("flexprice_clickhouse_lost_races_total").increment(1);
        Ok(overtaken(reached, events))
    }

    async fn position(&self, partition: &str) -> Result<Position, EventStoreError> {
        position(self.engine, self.ledger, partition, self.name).await
    }

    async fn insert(&self, partition: &str, new: &[Identified<'_>], token: &str) -> Result<(), EventStoreError> {
        let origin = |offset| Origin { partition, offset, writer: self.name };
        match self.ledger {
            Ledger::Events => {
                let rows: Vec<_> =
                    new.iter().map(|(logged, id)| EventRow::new(&logged.scope, &logged.event.event, *id, origin(logged.offset))).collect();
                self.engine.insert(&rows, token).await
            }
            Ledger::Usage | Ledger::Costs => self.engine.insert_into(table(self.ledger), &usage_rows(new, origin), token).await,
        }
    }
}

/// What events add to the usage ledger, in the order of the table, so that the server need not sort it: by scope, meter (markers come
/// first, having none), customer, time and id. The events are sorted once instead of their rows, of which there are many times more.
fn usage_rows<'a>(events: &[Identified<'a>], origin: impl Fn(i64) -> Origin<'a>) -> Vec<UsageRow<'a>> {
    let mut scopes: BTreeMap<(&str, &str), Vec<Identified<'a>>> = BTreeMap::new();
    for (logged, id) in events {
        scopes.entry((logged.scope.tenant_id.as_str(), logged.scope.environment_id.as_str())).or_default().push((logged, *id));
    }
    let mut rows = Vec::with_capacity(events.iter().map(|(logged, _)| 1 + logged.event.entries.len()).sum());
    for mut events in scopes.into_values() {
        let place = |event: &'a Event| (event.external_customer_id.as_str(), event.timestamp, event.id.as_str());
        events.sort_unstable_by(|(one, _), (other, _)| place(&one.event.event).cmp(&place(&other.event.event)));
        let mut meters: BTreeMap<&str, Vec<(&LoggedEvent, &LedgerEntry)>> = BTreeMap::new();
        for (logged, id) in events {
            rows.push(UsageRow::marker(&logged.scope, &logged.event.event, id, origin(logged.offset)));
            for entry in &logged.event.entries {
                meters.entry(entry.meter_id.as_str()).or_default().push((logged, entry));
            }
        }
        let entries = meters.into_values().flatten();
        rows.extend(
            entries.map(|(logged, entry)| UsageRow::entry(Counted::of(&logged.scope, &logged.event.event), entry, origin(logged.offset))),
        );
    }
    rows
}

/// What another writer left of these events: nothing, when it went as far as they go.
fn overtaken(found: Position, events: &[Identified<'_>]) -> Outcome {
    let last = events.last().map(|(logged, _)| logged.offset);
    let settled = found.last >= last;
    let duplicates = if settled { events.len() } else { 0 };
    let stored = Stored { position: found.last, settled, new: 0, duplicates };
    Outcome { stored, events: vec![None; events.len()] }
}

fn looked_at(marks: Vec<Appended>) -> Vec<Option<Appended>> {
    marks.into_iter().map(Some).collect()
}

/// Refuses a batch whose offsets do not rise from `after` to `last`: the position could not be told from it.
fn check_order(batch: &LoggedBatch) -> Result<(), EventStoreError> {
    let mut before = batch.after;
    for logged in &batch.events {
        if before.is_some_and(|before| logged.offset <= before) || logged.offset > batch.last {
            return Err(EventStoreError::Corrupt(format!("offset {} of {} is out of order", logged.offset, batch.partition)));
        }
        before = Some(logged.offset);
    }
    Ok(())
}

/// The events of one direct append, somewhere behind a position: offsets that two appends hardly choose alike tell an insert that came
/// through late, long after its writer had given it up, from the one that followed it.
pub(super) fn direct_batch(partition: LogPartition, after: Option<i64>, events: Vec<LoggedEvent>) -> LoggedBatch {
    // 24 bits of 63: half a million million appends.
    let gap = i64::from(rand::random::<u32>() >> 8);
    let first = after.map_or(0, |after| after + 1) + gap;
    let events: Vec<LoggedEvent> = (first..).zip(events).map(|(offset, event)| LoggedEvent { offset, ..event }).collect();
    let last = events.last().map_or(first, |event| event.offset);
    LoggedBatch { partition, after, last, events }
}

/// The answer to a direct append: an event is new if any ledger, at any try, stored it.
pub(super) fn unite(answer: &mut [Appended], outcome: &[Option<Appended>]) {
    for (answer, outcome) in answer.iter_mut().zip(outcome) {
        if *outcome == Some(Appended::New) {
            *answer = Appended::New;
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::MeterId;
    use domain::money::Quantity;
    use domain::scope::Scope;
    use domain::time::Timestamp;

    use super::*;
    use crate::MeteredEvent;

    #[test]
    fn rows_of_usage_come_in_the_order_of_the_table() {
        let entry = |meter: &str| LedgerEntry {
            meter_id: MeterId::from(meter),
            quantity: Quantity::ZERO,
            unique_hash: None,
            group: None,
            weighted: false,
        };
        let mut events = Vec::new();
        for (offset, number) in (0..200).zip((0_i64..).map(|number| number * 7_919 % 200)) {
            let text = |prefix: &str, values: i64| format!("{prefix}{}", number * 31 % values);
            let event = Event {
                id: text("event", 200),
                name: "call".to_owned(),
                external_customer_id: text("customer", 11),
                customer_id: String::new(),
                timestamp: Timestamp::from_micros(number % 5),
                ingested_at: Timestamp::MIN,
                source: String::new(),
                properties: String::new(),
            };
            let scope = Scope { tenant_id: text("tenant", 2).as_str().into(), environment_id: text("environment", 3).as_str().into() };
            let entries = ["meter2", "meter10", "meter1"].into_iter().take(usize::try_from(number % 4).unwrap()).map(entry).collect();
            events.push(LoggedEvent { offset, scope, event: MeteredEvent { event, entries } });
        }
        let events: Vec<Identified<'_>> = events.iter().map(|logged| (logged, IdHash { high: 1, low: 1 })).collect();
        let rows = usage_rows(&events, |offset| Origin { partition: "events/0", offset, writer: "me" });
        assert_eq!(rows.len(), events.iter().map(|(logged, _)| 1 + logged.event.entries.len()).sum::<usize>());
        assert!(rows.is_sorted_by_key(UsageRow::place));
    }
}
