//! The platform on the wire.

pub(crate) mod api_keys;
pub(crate) mod clocks;
pub(crate) mod environments;
pub(crate) mod settings;
