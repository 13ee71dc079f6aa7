//! What the pools are doing, for `/metrics`.

use crate::PoolUsage;

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
