//! The catalog on the wire.

pub(crate) mod backfills;
pub(crate) mod costsheets;
pub(crate) mod features;
pub(crate) mod groups;
pub(crate) mod meters;
pub(crate) mod plans;
pub(crate) mod prices;
