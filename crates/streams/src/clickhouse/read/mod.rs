//! Answers. None depends on merges of parts, and all reads of one query see the same parts.

mod aggregate;

mod usage;

mod piece;

mod window;

mod group;

mod counted;

mod events;

mod scan;

mod count;

mod copies;

pub(super) use aggregate::belongs;
pub(super) use copies::copies;
pub(super) use count::count_events_by_window;
pub(super) use counted::counted;
pub(super) use events::{count_events, event, events};
pub(super) use group::usage_by_group;
pub(super) use scan::scan;
pub(super) use usage::usage;
