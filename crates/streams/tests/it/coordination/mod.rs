//! What every coordination promises, in one process and on Redis; and what Redis must stand: its going, its forgetting, its fail-over.

mod contract;
#[cfg(feature = "cluster")]
mod outage;
#[cfg(feature = "cluster")]
mod servers;
#[cfg(feature = "cluster")]
mod topologies;
