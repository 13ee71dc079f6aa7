//! The outbox: system events, written with the changes that they tell of, in order per object.

use std::collections::HashMap;

use domain::platform::SystemEvent;
use domain::scope::Scope;
use domain::time::Timestamp;

use crate::record::ROWS_PER_INSERT;
use crate::{Cell, Row, Source, Sql, StoreError, UnitOfWork};

/// Writes events behind those of their objects. The caller holds the rows of the objects, or has just made them: so nobody else takes the
/// same place.
pub async fn add(work: &mut UnitOfWork, events: &[SystemEvent]) -> Result<(), StoreError> {
    for chunk in events.chunks(ROWS_PER_INSERT) {
        work.execute(insertion(chunk)).await?;
    }
    Ok(())
}

fn insertion(events: &[SystemEvent]) -> Sql {
    let mut places: HashMap<(&Scope, &str), i64> = HashMap::new();
    let mut sql = Sql::new(
        "INSERT INTO system_events (tenant_id, environment_id, entity_id, sequence, id, event_name, entity_type, user_id, snapshot, \
         occurred_at) VALUES ",
    );
    for (index, event) in events.iter().enumerate() {
        let place = places.entry((&event.scope, &event.entity_id)).or_insert(0);
        *place += 1;
        sql = sql.push(if index > 0 { ", (" } else { "(" }).bind(&event.scope.tenant_id).push(", ").bind(&event.scope.environment_id);
        sql = sql.push(", ").bind(&event.entity_id).push(", (SELECT COALESCE(MAX(sequence), 0) FROM system_events WHERE ");
        sql = sql.scoped(&event.scope).push(" AND entity_id = ").bind(&event.entity_id).push(") + ").bind(place);
        let rest = [
            event.id.to_value(),
            event.name.to_value(),
            event.entity_type.to_value(),
            event.user_id.to_value(),
            event.snapshot.to_value(),
            event.occurred_at.to_value(),
        ];
        sql = rest.into_iter().fold(sql, |sql, value| sql.push(", ").bind_value(value)).push(")");
    }
    sql
}

/// Events of a scope with their places, object by object, in their order; at most `limit`.
pub async fn read(source: &mut impl Source, scope: &Scope, limit: i64) -> Result<Vec<(i64, SystemEvent)>, StoreError> {
    let sql =
        Sql::new("SELECT tenant_id, environment_id, entity_id, sequence, id, event_name, entity_type, user_id, snapshot, occurred_at ");
    let sql = sql.push("FROM system_events WHERE ").scoped(scope).push(" ORDER BY entity_id, sequence LIMIT ").bind(&limit);
    source.fetch(sql).await?.iter().map(|row| Ok((row.get("sequence")?, event(row)?))).collect()
}

/// How many events wait to be told, over all scopes, and when the oldest of them occurred. The time this takes grows with their number.
pub async fn waiting(source: &mut impl Source) -> Result<(i64, Option<Timestamp>), StoreError> {
    let rows = source.fetch(Sql::new("SELECT COUNT(*) AS total, MIN(occurred_at) AS oldest FROM system_events")).await?;
    rows.first().map_or(Ok((0, None)), |row| Ok((row.get("total")?, row.get("oldest")?)))
}

fn event(row: &Row) -> Result<SystemEvent, StoreError> {
    Ok(SystemEvent {
        id: row.get("id")?,
        scope: Scope { tenant_id: row.get("tenant_id")?, environment_id: row.get("environment_id")? },
        name: row.get("event_name")?,
        entity_type: row.get("entity_type")?,
        entity_id: row.get("entity_id")?,
        user_id: row.get("user_id")?,
        occurred_at: row.get("occurred_at")?,
        snapshot: row.get("snapshot")?,
    })
}
