//! What happens to every request before and after its handler, outermost first: panics caught, headers, observation, bounds,
//! authentication, idempotency.

mod authenticate;
mod bound;
mod headers;
mod idempotency;
mod observe;

pub(crate) use authenticate::{authenticate, caller_of};
pub(crate) use bound::{bound, panicked};
pub(crate) use headers::headers;
pub(crate) use idempotency::idempotency;
pub(crate) use observe::observe;
