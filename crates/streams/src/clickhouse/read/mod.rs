//! Answers. None depends on merges of parts, and all reads of one query see the same parts.

mod aggregate;

mod usage;

mod window;

mod events;

pub(super) use events::{count_events, event, events};
pub(super) use usage::usage;
pub(super) use window::usage_by_window;
