//! Counters. They move inside the unit of work that uses them, so a rollback returns the number and no number is missing.

use domain::scope::Scope;

use crate::sql::Keeps;
use crate::{Source, Sql, StoreError, UnitOfWork};

/// The next value of a counter, which begins at `first`. `name` is for instance `invoice/202501`.
pub async fn next(work: &mut UnitOfWork, scope: &Scope, name: &str, first: i64) -> Result<i64, StoreError> {
    let sql = Sql::new("INSERT INTO sequences (tenant_id, environment_id, name, value) VALUES (").bind(&scope.tenant_id);
    let sql = sql.push(", ").bind(&scope.environment_id).push(", ").bind(&name.to_owned()).push(", ").bind(&first);
    let sql = sql.push(") ON CONFLICT (tenant_id, environment_id, name) DO UPDATE SET value = sequences.value + 1 RETURNING value");
    let rows = work.fetch(sql).await?;
    rows.first().map_or_else(|| Err(StoreError::Corrupt("a counter gave no value".into())), |row| row.get("value"))
}

/// The present value of a counter; 0 before its first use. In a unit of work it stays so until that ends, so that whatever is counted,
/// read after it, is no newer; several may hold it so.
pub async fn current(source: &mut impl Source, scope: &Scope, name: &str) -> Result<i64, StoreError> {
    let sql = Sql::new("SELECT value FROM sequences WHERE ").scoped(scope).push(" AND name = ").bind(&name.to_owned());
    source.fetch(sql.keeping(Keeps::ForShare)).await?.first().map_or(Ok(0), |row| row.get("value"))
}
