//! What happens to every request before and after its handler, outermost first: observation, panics caught, origins, headers,
//! host, bounds, authentication, idempotency.

mod authenticate;
mod bound;
mod headers;
mod hosts;
mod idempotency;
mod observe;
mod origins;

pub(crate) use authenticate::{authenticate, caller_of};
pub(crate) use bound::{bound, panicked};
pub(crate) use headers::headers;
pub use hosts::Hosts;
pub(crate) use hosts::check_host;
pub(crate) use idempotency::idempotency;
pub(crate) use observe::observe;
pub use origins::Origins;
