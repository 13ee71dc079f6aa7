//! The documents: ours is true, and keeps what the published one promises.

mod coverage;
mod document;
mod fields;
mod openapi;
