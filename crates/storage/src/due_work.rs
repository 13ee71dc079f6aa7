//! Due work is data: what must happen later is a row with a due time (DESIGN decision 7). Its id is deterministic,
//! `<kind>/<entity>`, so that asking for the same work twice leaves one row, and doing it twice changes nothing.

use domain::ids::EnvironmentId;
use domain::scope::Scope;
use domain::time::Timestamp;

use crate::sql::Keeps;
use crate::{Row, Source, Sql, StoreError, UnitOfWork, Value};

/// A piece of work with its due time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueWork {
    /// Where.
    pub scope: Scope,
    /// `<kind>/<entity>`, unique in its scope.
    pub id: String,
    /// What is to do: the name of a kind that `app` knows, or that a newer release knows.
    pub kind: String,
    /// With what.
    pub entity_id: String,
    /// Not before, by the environment's clock.
    pub due_at: Timestamp,
    /// How often it failed.
    pub attempts: i64,
    /// Why it failed last; empty before.
    pub last_error: String,
}

impl DueWork {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            scope: Scope { tenant_id: row.get("tenant_id")?, environment_id: row.get("environment_id")? },
            id: row.get("id")?,
            kind: row.get("kind")?,
            entity_id: row.get("entity_id")?,
            due_at: row.get("due_at")?,
            attempts: row.get("attempts")?,
            last_error: row.get("last_error")?,
        })
    }
}

const COLUMNS: &str = "tenant_id, environment_id, id, kind, entity_id, due_at, attempts, last_error";

/// Plans a piece of work, or moves it when it is planned already.
pub async fn plan(work: &mut UnitOfWork, due: &DueWork) -> Result<(), StoreError> {
    let sql = Sql::new("INSERT INTO due_work (").push(COLUMNS).push(") VALUES ").bind_list([
        Value::Text(due.scope.tenant_id.to_string()),
        Value::Text(due.scope.environment_id.to_string()),
        Value::Text(due.id.clone()),
        Value::Text(due.kind.clone()),
        Value::Text(due.entity_id.clone()),
        Value::Time(due.due_at),
        Value::Int(0),
        Value::Text(String::new()),
    ]);
    let sql =
        sql.push(" ON CONFLICT (tenant_id, environment_id, id) DO UPDATE SET due_at = excluded.due_at, attempts = 0, last_error = ''");
    work.execute(sql).await.map(|_| ())
}

/// Takes a piece of work off: it is done, or no longer wanted.
pub async fn done(work: &mut UnitOfWork, scope: &Scope, id: &str) -> Result<(), StoreError> {
    work.execute(Sql::new("DELETE FROM due_work WHERE ").scoped(scope).push(" AND id = ").bind(&id.to_owned())).await.map(|_| ())
}

/// Takes off all work of a kind with an entity.
pub async fn cancel(work: &mut UnitOfWork, scope: &Scope, kind: &str, entity_id: &str) -> Result<(), StoreError> {
    let sql = Sql::new("DELETE FROM due_work WHERE ").scoped(scope).push(" AND entity_id = ").bind(&entity_id.to_owned());
    work.execute(sql.push(" AND kind = ").bind(&kind.to_owned())).await.map(|_| ())
}

/// Notes a failure and when to try again.
pub async fn failed(work: &mut UnitOfWork, due: &DueWork, error: &str, again_at: Timestamp) -> Result<(), StoreError> {
    let sql = Sql::new("UPDATE due_work SET attempts = attempts + 1, last_error = ").bind(&error.to_owned());
    let sql = sql.push(", due_at = ").bind(&again_at).push(" WHERE ").scoped(&due.scope).push(" AND id = ").bind(&due.id);
    work.execute(sql).await.map(|_| ())
}

/// Work that is due at `now` in environments without a clock of their own, in fair turns: the earliest piece of each environment, then the
/// second of each, and so on. So what is due in one waits for no backlog of another.
pub async fn due(source: &mut impl Source, now: Timestamp, limit: i64) -> Result<Vec<DueWork>, StoreError> {
    in_turns(source, |sql| sql.push("due_at <= ").bind(&now), limit).await
}

/// The same of these kinds alone.
pub async fn due_in_turns(source: &mut impl Source, now: Timestamp, kinds: &[&str], limit: i64) -> Result<Vec<DueWork>, StoreError> {
    let condition = |sql: Sql| {
        let sql = sql.push("due_at <= ").bind(&now).push(" AND kind IN ");
        sql.bind_list(kinds.iter().map(|kind| Value::Text((*kind).to_owned())))
    };
    in_turns(source, condition, limit).await
}

async fn in_turns(source: &mut impl Source, condition: impl FnOnce(Sql) -> Sql, limit: i64) -> Result<Vec<DueWork>, StoreError> {
    let sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM (SELECT ").push(COLUMNS);
    let sql = sql.push(", ROW_NUMBER() OVER (PARTITION BY tenant_id, environment_id ORDER BY due_at, id) AS turn FROM due_work WHERE ");
    let sql = condition(sql).push(" AND environment_id NOT IN (SELECT environment_id FROM environment_clocks)) AS waiting");
    let sql = sql.push(" ORDER BY turn, due_at, id, tenant_id, environment_id LIMIT ");
    source.fetch(sql.bind(&limit)).await?.iter().map(DueWork::from_row).collect()
}

/// Work of one kind that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// What is to do.
    pub kind: String,
    /// How many pieces.
    pub pieces: i64,
    /// When the first of them was due.
    pub since: Timestamp,
}

/// Work that is due at `now` in environments without a clock of their own, by kind.
pub async fn overdue(source: &mut impl Source, now: Timestamp) -> Result<Vec<Overdue>, StoreError> {
    let sql = Sql::new("SELECT kind, COUNT(*) AS pieces, MIN(due_at) AS since FROM due_work WHERE due_at <= ").bind(&now);
    let sql = sql.push(" AND environment_id NOT IN (SELECT environment_id FROM environment_clocks) GROUP BY kind ORDER BY kind");
    let of = |row: &Row| Ok(Overdue { kind: row.get("kind")?, pieces: row.get("pieces")?, since: row.get("since")? });
    source.fetch(sql).await?.iter().map(of).collect()
}

/// Where a page of due work ends: the place of its last piece in the order of [`due_page`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuePosition {
    /// When that piece was due.
    pub due_at: Timestamp,
    /// Its id.
    pub id: String,
    /// Where it is.
    pub scope: Scope,
}

impl From<&DueWork> for DuePosition {
    fn from(work: &DueWork) -> Self {
        Self { due_at: work.due_at, id: work.id.clone(), scope: work.scope.clone() }
    }
}

/// Work of these kinds that is due at `now`, after `after`, in environments without a clock of their own, earliest first. Pages follow
/// each other by position, because work that is being done stays in the table until it is done.
pub async fn due_page(
    source: &mut impl Source,
    now: Timestamp,
    kinds: &[&str],
    after: Option<&DuePosition>,
    limit: i64,
) -> Result<Vec<DueWork>, StoreError> {
    let mut sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM due_work WHERE due_at <= ").bind(&now).push(" AND kind IN ");
    sql = sql.bind_list(kinds.iter().map(|kind| Value::Text((*kind).to_owned())));
    if let Some(after) = after {
        sql = sql.push(" AND (due_at, id, tenant_id, environment_id) > ");
        sql = sql.bind_list([
            Value::Time(after.due_at),
            Value::Text(after.id.clone()),
            Value::Text(after.scope.tenant_id.to_string()),
            Value::Text(after.scope.environment_id.to_string()),
        ]);
    }
    let sql = sql.push(" AND environment_id NOT IN (SELECT environment_id FROM environment_clocks)");
    let sql = sql.push(" ORDER BY due_at, id, tenant_id, environment_id LIMIT ").bind(&limit);
    source.fetch(sql).await?.iter().map(DueWork::from_row).collect()
}

/// A piece of work as it is planned now; `None` when it is done or no longer wanted. In a unit of work it stays so until that ends.
pub async fn planned_as(source: &mut impl Source, scope: &Scope, id: &str) -> Result<Option<DueWork>, StoreError> {
    let sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM due_work WHERE ").scoped(scope).push(" AND id = ").bind(&id.to_owned());
    source.fetch(sql.keeping(Keeps::ForUpdate)).await?.iter().map(DueWork::from_row).next().transpose()
}

/// The earliest work of one environment that is due by `until`.
pub async fn earliest(source: &mut impl Source, scope: &Scope, until: Timestamp) -> Result<Option<DueWork>, StoreError> {
    let sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM due_work WHERE ").scoped(scope).push(" AND due_at <= ").bind(&until);
    source.fetch(sql.push(" ORDER BY due_at, id LIMIT 1")).await?.iter().map(DueWork::from_row).next().transpose()
}

/// The earliest work of a kind in one environment that is due by `until`.
pub async fn earliest_of_kind(
    source: &mut impl Source,
    scope: &Scope,
    kind: &str,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<DueWork>, StoreError> {
    let sql = Sql::new("SELECT ").push(COLUMNS).push(" FROM due_work WHERE ").scoped(scope).push(" AND due_at <= ").bind(&until);
    let sql = sql.push(" AND kind = ").bind(&kind.to_owned()).push(" ORDER BY due_at, id LIMIT ").bind(&limit);
    source.fetch(sql).await?.iter().map(DueWork::from_row).collect()
}

/// How much work is planned in an environment.
pub async fn planned(source: &mut impl Source, environment: &EnvironmentId) -> Result<i64, StoreError> {
    let sql = Sql::new("SELECT COUNT(*) AS total FROM due_work WHERE environment_id = ").bind(environment);
    source.fetch(sql).await?.first().map_or(Ok(0), |row| row.get("total"))
}
