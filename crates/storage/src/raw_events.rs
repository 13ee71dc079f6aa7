//! Objects of an external collector as they were sent, the newest of an id, and what became of them.

use domain::event::{RawOutcome, RawReprocess, ReprocessMode};
use domain::scope::Scope;
use domain::time::Timestamp;

use crate::record::ROWS_PER_INSERT;
use crate::{Condition, Row, Source, Sql, StoreError, UnitOfWork, Value};

/// A raw object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent {
    /// The object's own id, or a hash of it where it has none.
    pub id: String,
    /// Whose it is; empty where it does not say.
    pub external_customer_id: String,
    /// The name of the event that it becomes; empty where it becomes none.
    pub event_name: String,
    /// The time of the event, or when it was received.
    pub event_time: Timestamp,
    /// The id of the event that it becomes; empty where it becomes none.
    pub event_id: String,
    /// What became of it.
    pub outcome: RawOutcome,
    /// Why it failed; empty when it did not.
    pub problem: String,
    /// The JSON object as it was sent.
    pub payload: String,
    /// When it was received.
    pub received_at: Timestamp,
}

const COLUMNS: &str =
    "tenant_id, environment_id, id, external_customer_id, event_name, event_time, event_id, outcome, problem, payload, received_at";

/// Keeps objects; of one id the newest stays. No id may stand twice.
pub async fn keep(work: &mut UnitOfWork, scope: &Scope, events: &[RawEvent]) -> Result<(), StoreError> {
    for chunk in events.chunks(ROWS_PER_INSERT) {
        let sql = Sql::new("INSERT INTO raw_events (").push(COLUMNS).push(") VALUES ");
        let sql = chunk.iter().enumerate().fold(sql, |sql, (index, event)| {
            sql.push(if index > 0 { ", " } else { "" }).bind_list([
                Value::Text(scope.tenant_id.to_string()),
                Value::Text(scope.environment_id.to_string()),
                Value::Text(event.id.clone()),
                Value::Text(event.external_customer_id.clone()),
                Value::Text(event.event_name.clone()),
                Value::Time(event.event_time),
                Value::Text(event.event_id.clone()),
                Value::Text(event.outcome.to_string()),
                Value::Text(event.problem.clone()),
                Value::Text(event.payload.clone()),
                Value::Time(event.received_at),
            ])
        });
        let sql = sql.push(
            " ON CONFLICT (tenant_id, environment_id, id) DO UPDATE SET external_customer_id = excluded.external_customer_id, \
             event_name = excluded.event_name, event_time = excluded.event_time, event_id = excluded.event_id, \
             outcome = excluded.outcome, problem = excluded.problem, payload = excluded.payload, received_at = excluded.received_at",
        );
        work.execute(sql).await?;
    }
    Ok(())
}

/// The next objects that a run is about, by time and id.
pub async fn next_of(source: &mut impl Source, scope: &Scope, run: &RawReprocess, limit: i64) -> Result<Vec<RawEvent>, StoreError> {
    let mut conditions =
        vec![Condition::Gte("event_time", Value::Time(run.start_time)), Condition::Lt("event_time", Value::Time(run.end_time))];
    for (column, values) in
        [("external_customer_id", &run.external_customer_ids), ("event_name", &run.event_names), ("event_id", &run.event_ids)]
    {
        if !values.is_empty() {
            conditions.push(Condition::one_of(column, values));
        }
    }
    if run.reprocess_mode == ReprocessMode::Pending {
        conditions.push(Condition::NotEq("outcome", Value::Text(RawOutcome::Ingested.to_string())));
    }
    let sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM raw_events WHERE ").scoped(scope);
    let mut sql = conditions.iter().fold(sql, |sql, condition| condition.append(sql));
    if let Some(time) = run.cursor_time {
        sql = sql.push(" AND (event_time, id) > ").bind_list([Value::Time(time), Value::Text(run.cursor_id.clone())]);
    }
    let rows = source.fetch(sql.push(" ORDER BY event_time, id LIMIT ").bind(&limit)).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &Row) -> Result<RawEvent, StoreError> {
    Ok(RawEvent {
        id: row.get("id")?,
        external_customer_id: row.get("external_customer_id")?,
        event_name: row.get("event_name")?,
        event_time: row.get("event_time")?,
        event_id: row.get("event_id")?,
        outcome: row.get("outcome")?,
        problem: row.get("problem")?,
        payload: row.get("payload")?,
        received_at: row.get("received_at")?,
    })
}
