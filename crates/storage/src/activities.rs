//! The activity log: entries are added with the changes that they tell of, and read. Nothing here changes or removes one.

use domain::platform::Activity;
use domain::scope::Scope;

use crate::record::ROWS_PER_INSERT;
use crate::{Cell, Row, Source, Sql, StoreError, UnitOfWork};

const COLUMNS: &str = "tenant_id, environment_id, id, entity_type, entity_id, action, user_id, actor_kind, before, after, occurred_at";

/// Adds entries.
pub async fn add(work: &mut UnitOfWork, entries: &[Activity]) -> Result<(), StoreError> {
    for chunk in entries.chunks(ROWS_PER_INSERT) {
        for entry in chunk {
            work.writes_to(&entry.scope);
        }
        let mut sql = Sql::new("INSERT INTO activities (").push(COLUMNS).push(") VALUES ");
        for (index, entry) in chunk.iter().enumerate() {
            sql = sql.push(if index > 0 { ", " } else { "" }).bind_list([
                entry.scope.tenant_id.to_value(),
                entry.scope.environment_id.to_value(),
                entry.id.to_value(),
                entry.entity_type.to_value(),
                entry.entity_id.to_value(),
                entry.action.to_value(),
                entry.user_id.to_value(),
                entry.actor_kind.to_value(),
                entry.before.to_value(),
                entry.after.to_value(),
                entry.occurred_at.to_value(),
            ]);
        }
        work.execute(sql).await?;
    }
    Ok(())
}

/// The entries of one thing, oldest first; at most `limit`.
pub async fn of_entity(source: &mut impl Source, scope: &Scope, entity_id: &str, limit: i64) -> Result<Vec<Activity>, StoreError> {
    let sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM activities WHERE ").scoped(scope);
    let sql = sql.push(" AND entity_id = ").bind(&entity_id.to_owned()).push(" ORDER BY id LIMIT ").bind(&limit);
    source.fetch(sql).await?.iter().map(entry).collect()
}

fn entry(row: &Row) -> Result<Activity, StoreError> {
    Ok(Activity {
        id: row.get("id")?,
        scope: Scope { tenant_id: row.get("tenant_id")?, environment_id: row.get("environment_id")? },
        entity_type: row.get("entity_type")?,
        entity_id: row.get("entity_id")?,
        action: row.get("action")?,
        user_id: row.get("user_id")?,
        actor_kind: row.get("actor_kind")?,
        occurred_at: row.get("occurred_at")?,
        before: row.get("before")?,
        after: row.get("after")?,
    })
}
