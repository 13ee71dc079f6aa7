//! The way out: usage from cells and rows, events by time or customer. Every read has one snapshot of all keyspaces.

mod bodies;
mod distinct;
mod events;
mod groups;
mod held;
mod listing;
mod runs;
mod single;
mod usage;
mod view;
mod walk;

pub(super) use events::{count_events, count_events_by_window, event, events, scan};
pub(super) use groups::usage_by_group;
pub(super) use single::{copies, counted};
pub(super) use usage::usage;
pub(super) use view::View;
