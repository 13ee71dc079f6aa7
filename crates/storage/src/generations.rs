//! Counters of changes. A process that keeps something in memory asks for its generation: a number that differs from the one it read
//! under means that another process has changed it since. They move in the unit of work of the change, so that whoever sees the
//! change's commit sees the number, and one query tells about many scopes.

use std::collections::HashMap;

use domain::scope::Scope;

use crate::{Cell, Row, Source, Sql, StoreError, UnitOfWork};

/// Topics asked for in one statement: SQLite takes at most 32,766 values, three to a topic.
const TOPICS_PER_QUERY: usize = 1_000;

/// Counts a change of a topic. Its row stays locked until the commit, so call it last.
pub async fn advance(work: &mut UnitOfWork, scope: &Scope, topic: &str) -> Result<(), StoreError> {
    let sql = Sql::new("INSERT INTO generations (tenant_id, environment_id, topic, generation) VALUES ");
    let sql = sql.bind_list([scope.tenant_id.to_value(), scope.environment_id.to_value(), topic.to_owned().to_value(), 1_i64.to_value()]);
    let sql = sql.push(" ON CONFLICT (tenant_id, environment_id, topic) DO UPDATE SET generation = generations.generation + 1");
    work.execute(sql).await.map(|_| ())
}

/// The generations of all topics that ever changed.
pub async fn all(source: &mut impl Source) -> Result<Vec<(Scope, String, i64)>, StoreError> {
    let rows = source.fetch(Sql::new("SELECT tenant_id, environment_id, topic, generation FROM generations")).await?;
    rows.iter().map(counter).collect()
}

/// The generations of these topics, in their order; 0 for one that never changed.
pub async fn of(source: &mut impl Source, topics: &[(Scope, &str)]) -> Result<Vec<i64>, StoreError> {
    let mut known: HashMap<(Scope, String), i64> = HashMap::with_capacity(topics.len());
    for chunk in topics.chunks(TOPICS_PER_QUERY) {
        let sql = Sql::new("SELECT tenant_id, environment_id, topic, generation FROM generations ");
        let mut sql = sql.push("WHERE (tenant_id, environment_id, topic) IN (VALUES ");
        for (index, (scope, topic)) in chunk.iter().enumerate() {
            let place = [scope.tenant_id.to_value(), scope.environment_id.to_value(), (*topic).to_owned().to_value()];
            sql = sql.push(if index > 0 { ", " } else { "" }).bind_list(place);
        }
        for row in source.fetch(sql.push(")")).await? {
            let (scope, topic, generation) = counter(&row)?;
            known.insert((scope, topic), generation);
        }
    }
    Ok(topics.iter().map(|(scope, topic)| known.get(&(scope.clone(), (*topic).to_owned())).copied().unwrap_or(0)).collect())
}

fn counter(row: &Row) -> Result<(Scope, String, i64), StoreError> {
    let scope = Scope { tenant_id: row.get("tenant_id")?, environment_id: row.get("environment_id")? };
    Ok((scope, row.get("topic")?, row.get("generation")?))
}
