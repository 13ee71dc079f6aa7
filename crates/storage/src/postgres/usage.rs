//! What the pools are doing, for `/metrics`.

use sqlx::PgPool;

/// Connections of one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUsage {
    /// `writer` or `reader`.
    pub pool: &'static str,
    /// Open connections, in use or idle.
    pub open: u32,
    /// Those that nobody uses.
    pub idle: u32,
    /// Most that may be open.
    pub max: u32,
}

impl PoolUsage {
    pub(super) fn of(pool: &'static str, connections: &PgPool) -> Self {
        let open = connections.size();
        // The two are read one after the other: never more idle than open.
        let idle = u32::try_from(connections.num_idle()).unwrap_or(u32::MAX).min(open);
        Self { pool, open, idle, max: connections.options().get_max_connections() }
    }

    /// The gauges `flexprice_postgres_pool_connections{pool, state}` of this pool: state and value.
    pub const fn states(&self) -> [(&'static str, u32); 3] {
        [("open", self.open), ("idle", self.idle), ("max", self.max)]
    }
}

/// What a database on PostgreSQL is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresUsage {
    /// Of the writer and, when there is one, of the reader.
    pub pools: Vec<PoolUsage>,
    /// Lists that the reader answered, since the start.
    pub lists_by_reader: u64,
    /// Lists that went to the writer although there is a reader, since the start.
    pub lists_by_writer: u64,
}
