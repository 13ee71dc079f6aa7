//! The store on a real ClickHouse: the contract, and what only a store fed by a log must stand.

mod contract;
mod copies;
mod costs;
pub(crate) mod fixture;
mod groups;
mod late;
mod log;
mod schema;
mod wire;
