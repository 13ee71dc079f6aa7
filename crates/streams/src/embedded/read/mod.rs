//! The way out: usage from cells and rows, events by time or customer. Every read has one snapshot of all keyspaces.

mod bodies;
mod distinct;
mod events;
mod listing;
mod usage;
mod view;
mod walk;

pub(super) use events::{count_events, event, events};
pub(super) use usage::{usage, usage_by_window};
pub(super) use view::View;
