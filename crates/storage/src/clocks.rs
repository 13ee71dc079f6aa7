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
    let sql = sql.push(") ON CONFLICT (environment_id) DO UPDATE SET instant = excluded.instant, advancing_to = NULL");
    work.execute(sql).await.map(|_| ())
}

/// Moves a clock from one instant to another; false when it does not stand at the first: someone else has moved it.
pub async fn move_on(work: &mut UnitOfWork, scope: &Scope, from: Timestamp, to: Timestamp) -> Result<bool, StoreError> {
    let sql = Sql::new("UPDATE environment_clocks SET instant = ").bind(&to).push(" WHERE ").scoped(scope);
    Ok(work.execute(sql.push(" AND instant = ").bind(&from)).await? == 1)
}

/// An advance of a clock that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advancing {
    /// Where the clock stands.
    pub now: Timestamp,
    /// Where to.
    pub to: Timestamp,
    /// Pieces of work that ran, as far as was noted.
    pub ran: i64,
    /// Whether it is to stop.
    pub is_cancelled: bool,
}

/// Notes that an advance begins.
pub async fn begin_advance(work: &mut UnitOfWork, scope: &Scope, to: Timestamp) -> Result<(), StoreError> {
    let sql = Sql::new("UPDATE environment_clocks SET advanced_work = 0, advance_cancelled = 0, advancing_to = ").bind(&to);
    work.execute(sql.push(" WHERE ").scoped(scope)).await.map(|_| ())
}

/// Notes how much has run.
pub async fn note_advance(work: &mut UnitOfWork, scope: &Scope, ran: i64) -> Result<(), StoreError> {
    let sql = Sql::new("UPDATE environment_clocks SET advanced_work = ").bind(&ran).push(" WHERE ").scoped(scope);
    work.execute(sql).await.map(|_| ())
}

/// Asks an advance to stop; false when there is none.
pub async fn cancel_advance(work: &mut UnitOfWork, scope: &Scope) -> Result<bool, StoreError> {
    let sql = Sql::new("UPDATE environment_clocks SET advance_cancelled = 1 WHERE ").scoped(scope);
    Ok(work.execute(sql.push(" AND advancing_to IS NOT NULL")).await? == 1)
}

/// Notes that an advance has ended.
pub async fn end_advance(work: &mut UnitOfWork, scope: &Scope) -> Result<(), StoreError> {
    work.execute(Sql::new("UPDATE environment_clocks SET advancing_to = NULL WHERE ").scoped(scope)).await.map(|_| ())
}

/// The advance that is under way, also in another process. One whose process died is there until the next begins or the clock is set.
pub async fn advancing(source: &mut impl Source, scope: &Scope) -> Result<Option<Advancing>, StoreError> {
    let sql = Sql::new("SELECT instant, advancing_to, advanced_work, advance_cancelled FROM environment_clocks WHERE ").scoped(scope);
    let rows = source.fetch(sql.push(" AND advancing_to IS NOT NULL")).await?;
    let read = |row: &crate::Row| {
        Ok(Advancing {
            now: row.get("instant")?,
            to: row.get("advancing_to")?,
            ran: row.get("advanced_work")?,
            is_cancelled: row.get::<i64>("advance_cancelled")? != 0,
        })
    };
    rows.first().map(read).transpose()
}

/// Takes an environment's clock away.
pub async fn remove(work: &mut UnitOfWork, scope: &Scope) -> Result<(), StoreError> {
    work.execute(Sql::new("DELETE FROM environment_clocks WHERE ").scoped(scope)).await.map(|_| ())
}
