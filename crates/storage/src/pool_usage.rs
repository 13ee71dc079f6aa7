//! How full a pool of connections is, for `/metrics`.

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
    pub(crate) fn of<D: sqlx::Database>(pool: &'static str, connections: &sqlx::Pool<D>) -> Self {
        let open = connections.size();
        // The two are read one after the other: never more idle than open.
        let idle = u32::try_from(connections.num_idle()).unwrap_or(u32::MAX).min(open);
        Self { pool, open, idle, max: connections.options().get_max_connections() }
    }

    /// The gauges of this pool: state and value.
    pub const fn states(&self) -> [(&'static str, u32); 3] {
        [("open", self.open), ("idle", self.idle), ("max", self.max)]
    }
}
