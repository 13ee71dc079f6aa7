//! The documents and their page: ours is true, and keeps what the published one promises.

mod bounds;
mod coverage;
mod descriptions;
mod docs_page;
pub(crate) mod document;
mod examples;
mod fields;
mod openapi;
mod parameters;
mod required;
