//! Clocks of sandbox environments: an environment in this table lives at the instant that stands there.

use domain::ids::EnvironmentId;
use domain::scope::Scope;
use domain::time::Timestamp;

use crate::{Source, Sql, StoreError, UnitOfWork};

/// All clocks.
pub async fn all(source: &mut impl Source) -> Result<Vec<(EnvironmentId, Timestamp)>, StoreError> {
    let rows = source.fetch(Sql::new("SELECT environment_id, instant FROM environment_clocks")).await?;
    rows.iter().map(|row| Ok((row.get("environment_id")?, row.get("instant")?))).collect()
}

/// Gives an environment a clock, or sets it.
pub async fn set(work: &mut UnitOfWork, scope: &Scope, instant: Timestamp) -> Result<(), StoreError> {
    let sql = Sql::new("INSERT INTO environment_clocks (tenant_id, environment_id, instant) VALUES (").bind(&scope.tenant_id);
    let sql = sql.push(", ").bind(&scope.environment_id).push(", ").bind(&instant);
    work.execute(sql.push(") ON CONFLICT (environment_id) DO UPDATE SET instant = excluded.instant")).await.map(|_| ())
}

/// Moves a clock from one instant to another; false when it does not stand at the first: someone else has moved it.
pub async fn move_on(work: &mut UnitOfWork, scope: &Scope, from: Timestamp, to: Timestamp) -> Result<bool, StoreError> {
    let sql = Sql::new("UPDATE environment_clocks SET instant = ").bind(&to).push(" WHERE ").scoped(scope);
    Ok(work.execute(sql.push(" AND instant = ").bind(&from)).await? == 1)
}

/// Takes an environment's clock away.
pub async fn remove(work: &mut UnitOfWork, scope: &Scope) -> Result<(), StoreError> {
    work.execute(Sql::new("DELETE FROM environment_clocks WHERE ").scoped(scope)).await.map(|_| ())
}
