//! What every entity's routes keep: scopes, lists, idempotency, errors.

mod browsers;
mod entities;
mod errors;
mod idempotency;
mod idempotency_at_once;
mod isolation;
mod lists;
