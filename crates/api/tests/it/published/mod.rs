//! The documents and their page: ours is true, and keeps what the published one promises.

mod coverage;
mod docs_page;
mod document;
mod fields;
mod openapi;
