//! The copies of an event that were refused.

use domain::scope::Scope;

use super::aggregate::belongs;
use super::events::{COLUMNS, EventRow};
use crate::clickhouse::engine::Engine;
use crate::clickhouse::sql;
use crate::{COPIES_KEPT, EventStoreError, RefusedCopy};

/// The newest copies of an event, newest first. One that was read twice from the log counts once.
pub(in crate::clickhouse) async fn copies(engine: &Engine, scope: &Scope, event_id: &str) -> Result<Vec<RefusedCopy>, EventStoreError> {
    let query = format!(
        "SELECT {COLUMNS} FROM event_copies WHERE {} AND event_id = {} ORDER BY ingested_at DESC, log_offset DESC \
         LIMIT 1 BY log_partition, log_offset LIMIT {COPIES_KEPT}",
        belongs(scope, &[]),
        sql::text(event_id)
    );
    let rows: Vec<EventRow> = engine.rows(&query).await?;
    Ok(rows.into_iter().map(|row| RefusedCopy { event: row.into() }).collect())
}
