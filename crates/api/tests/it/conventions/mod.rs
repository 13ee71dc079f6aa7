//! What every entity's routes keep: scopes, lists, idempotency, errors.

mod entities;
mod errors;
mod idempotency;
mod isolation;
mod lists;
