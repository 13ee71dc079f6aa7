//! What every entity's routes keep: scopes, lists, idempotency, errors.

mod errors;
mod idempotency;
mod isolation;
mod lists;
