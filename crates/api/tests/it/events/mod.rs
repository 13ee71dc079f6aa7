//! Events in: what is accepted, counted and listed.

mod bounds;
mod choices;
mod collected;
mod ingest;
mod list;
mod log;
mod lookup;
mod monitoring;
