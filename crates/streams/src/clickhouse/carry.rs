//! A meter moves from one ledger to another: its rows are carried over inside the server, as they were counted, for a ledger's row is final
//! and the meter may measure otherwise by now.
//!
//! Both ledgers count the meter meanwhile, and both have read the log up to the same offsets. So of what lies before these, the one lacks
//! only what it was measured without, and nothing of it can still come to it from the log. Two processes that carry one meter at once are kept
//! apart by the server.

use clickhouse::Row;
use domain::ids::MeterId;
use domain::scope::Scope;
use serde::Deserialize;

use super::engine::Engine;
use super::read::belongs;
use super::row::table;
use super::sql;
use crate::{EventStoreError, Ledger, LogPartition};

/// All columns but the place in the log.
const COLUMNS: &str = "tenant_id, environment_id, meter_id, external_customer_id, timestamp, event_id, source, quantity, unique_hash, \
                       group_value, weighted, properties, comparables, id_high, id_low";

#[derive(Row, Deserialize)]
struct MonthRow {
    month: u32,
}

/// Carries over what is lacking, month by month of event time, so that a statement stays small.
pub(super) async fn over(
    engine: &Engine,
    scope: &Scope,
    meter_id: &MeterId,
    (from, to): (Ledger, Ledger),
    read_up_to: &[(LogPartition, i64)],
) -> Result<(), EventStoreError> {
    // Of the database too: a server may hold several installations.
    let name = format!("carry/{}/{}/{}/{meter_id}", engine.options().database, scope.tenant_id, scope.environment_id);
    let scope = belongs(scope, &[]);
    let months = format!(
        "SELECT DISTINCT toYYYYMM(timestamp) AS month FROM {} WHERE {scope} AND meter_id = {} ORDER BY month",
        table(from),
        sql::text(meter_id.as_str())
    );
    for MonthRow { month } in engine.rows(&months).await? {
        engine.execute_alone(&statement(&scope, meter_id, (table(from), table(to)), read_up_to, month), &name).await?;
    }
    Ok(())
}

/// Entries that are lacking, and markers of their events that are. Rows keep their offsets under a name that is no partition of the log, so
/// that no position moves. What the server thinks a repetition is none: what is there already is not selected.
fn statement(scope: &str, meter_id: &MeterId, (from, to): (&str, &str), read_up_to: &[(LogPartition, i64)], month: u32) -> String {
    let meter = sql::text(meter_id.as_str());
    let of_month = format!("{scope} AND toYYYYMM(timestamp) = {month}");
    let unread: Vec<String> = read_up_to
        .iter()
        .map(|(partition, end)| format!("(log_partition = {} AND log_offset >= {end})", sql::text(&partition.to_string())))
        .collect();
    let was_read = if unread.is_empty() { "1".to_owned() } else { format!("NOT ({})", unread.join(" OR ")) };
    let ids = |table: &str, meter: &str| format!("SELECT event_id FROM {table} WHERE {of_month} AND meter_id = {meter}");
    format!(
        "INSERT INTO {to} ({COLUMNS}, log_partition, log_offset, log_writer) \
         SELECT {COLUMNS}, if(startsWith(log_partition, 'carried/'), log_partition, concat('carried/', log_partition)), log_offset, \
         log_writer FROM {from} WHERE {of_month} AND (\
         (meter_id = {meter} AND {was_read} AND event_id GLOBAL NOT IN ({})) OR \
         (meter_id = '' AND event_id GLOBAL IN ({} AND {was_read}) AND event_id GLOBAL NOT IN ({}))) \
         SETTINGS insert_deduplicate = 0, insert_distributed_sync = 1",
        ids(to, &meter),
        ids(from, &meter),
        ids(to, "''"),
    )
}
