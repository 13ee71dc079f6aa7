//! The catalog over HTTP.

mod backfills;
mod costsheets;
mod expressions;
mod meters;
mod price_preview;
