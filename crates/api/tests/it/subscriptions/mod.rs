//! The life of a subscription (spec 30).

mod schedules;
