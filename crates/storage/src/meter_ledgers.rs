//! Which ledger counts a meter that cost sheets price: that of billing, that of costs, or both while it moves (ADR 0016).

use domain::ids::MeterId;
use domain::scope::Scope;

use crate::sql::Keeps;
use crate::{Row, Source, Sql, StoreError, UnitOfWork};

/// Where a meter is counted, and from where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CountedIn {
    /// With billing, as every meter that is not listed.
    Usage,
    /// In both, read from the usage ledger: what that has is being carried over.
    ToCosts,
    /// With costs alone.
    Costs,
    /// In both, read from the ledger of costs: what that has is being carried back.
    ToUsage,
}

impl CountedIn {
    const ALL: [Self; 4] = [Self::Usage, Self::ToCosts, Self::Costs, Self::ToUsage];

    const fn name(self) -> &'static str {
        match self {
            Self::Usage => "USAGE",
            Self::ToCosts => "TO_COSTS",
            Self::Costs => "COSTS",
            Self::ToUsage => "TO_USAGE",
        }
    }

    fn named(name: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|state| state.name() == name);
        found.ok_or_else(|| StoreError::Corrupt(format!("`{name}` is no ledger of a meter")))
    }
}

/// A meter that cost sheets price, or priced once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterLedger {
    /// Where.
    pub scope: Scope,
    /// Which.
    pub meter_id: MeterId,
    /// Where it is counted now.
    pub counted_in: CountedIn,
    /// Whether nothing else uses it: no price of anything but cost sheets, and no backfill, which adds to the usage ledger.
    pub is_for_costs_alone: bool,
}

/// Lists a meter that a cost sheet prices from now on; one that is listed stays as it is.
pub async fn note(work: &mut UnitOfWork, scope: &Scope, meter_id: &MeterId) -> Result<(), StoreError> {
    let sql = Sql::new("INSERT INTO meter_ledgers (tenant_id, environment_id, meter_id, counted_in) VALUES (").bind(&scope.tenant_id);
    let sql = sql.push(", ").bind(&scope.environment_id).push(", ").bind(meter_id).push(", ").bind(&CountedIn::Usage.name().to_owned());
    work.execute(sql.push(") ON CONFLICT (tenant_id, environment_id, meter_id) DO NOTHING")).await.map(|_| ())
}

/// Meters of a scope that are not simply counted with billing.
pub async fn of_scope(source: &mut impl Source, scope: &Scope) -> Result<Vec<(MeterId, CountedIn)>, StoreError> {
    let sql = Sql::new("SELECT meter_id, counted_in FROM meter_ledgers WHERE ").scoped(scope).push(" AND counted_in <> ");
    let rows = source.fetch(sql.bind(&CountedIn::Usage.name().to_owned())).await?;
    rows.iter().map(|row| Ok((row.get("meter_id")?, counted_in(row)?))).collect()
}

/// All listed meters of all scopes.
pub async fn all(source: &mut impl Source) -> Result<Vec<MeterLedger>, StoreError> {
    let of_meter = "o.tenant_id = l.tenant_id AND o.environment_id = l.environment_id AND o.meter_id = l.meter_id";
    let sql = Sql::new("SELECT l.tenant_id, l.environment_id, l.meter_id, l.counted_in, CAST(CASE WHEN ")
        .push("EXISTS (SELECT 1 FROM prices o WHERE o.entity_type = 'COSTSHEET' AND o.status = 'published' AND ")
        .push(of_meter)
        .push(") AND NOT EXISTS (SELECT 1 FROM prices o WHERE o.entity_type <> 'COSTSHEET' AND ")
        .push(of_meter)
        .push(") AND NOT EXISTS (SELECT 1 FROM meter_backfills o WHERE ")
        .push(of_meter)
        .push(") THEN 1 ELSE 0 END AS bigint) AS costs_alone FROM meter_ledgers l ORDER BY l.tenant_id, l.environment_id, l.meter_id");
    let read = |row: &Row| {
        Ok(MeterLedger {
            scope: Scope { tenant_id: row.get("tenant_id")?, environment_id: row.get("environment_id")? },
            meter_id: row.get("meter_id")?,
            counted_in: counted_in(row)?,
            is_for_costs_alone: row.get::<i64>("costs_alone")? == 1,
        })
    };
    source.fetch(sql).await?.iter().map(read).collect()
}

/// Where a listed meter is counted; in a unit of work it stays so until that ends.
pub async fn held(work: &mut UnitOfWork, scope: &Scope, meter_id: &MeterId) -> Result<Option<CountedIn>, StoreError> {
    let sql = Sql::new("SELECT counted_in FROM meter_ledgers WHERE ").scoped(scope).push(" AND meter_id = ").bind(meter_id);
    work.fetch(sql.keeping(Keeps::ForUpdate)).await?.first().map(counted_in).transpose()
}

/// Says where a listed meter is counted from now on.
pub async fn set(work: &mut UnitOfWork, scope: &Scope, meter_id: &MeterId, to: CountedIn) -> Result<(), StoreError> {
    let sql = Sql::new("UPDATE meter_ledgers SET counted_in = ").bind(&to.name().to_owned()).push(" WHERE ").scoped(scope);
    work.execute(sql.push(" AND meter_id = ").bind(meter_id)).await.map(|_| ())
}

fn counted_in(row: &Row) -> Result<CountedIn, StoreError> {
    CountedIn::named(&row.get::<String>("counted_in")?)
}
