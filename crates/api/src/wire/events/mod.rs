//! Events on the wire.

pub(crate) mod collected;
pub(crate) mod ingest;
pub(crate) mod list;
pub(crate) mod lookup;
pub(crate) mod monitoring;
