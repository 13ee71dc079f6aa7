//! The time that a read of usage covers.

use app::Error;
use domain::scope::Scope;
use domain::time::{Period, Timestamp};

use crate::ApiState;

/// Seven days: the time that is read when none is asked for.
const DEFAULT_SECONDS: i64 = 7 * 86_400;

/// From `start` to `end`; an absent end is now, an absent start seven days before the end. An end before the start is refused.
pub(super) fn asked_period(state: &ApiState, scope: &Scope, start: Option<Timestamp>, end: Option<Timestamp>) -> Result<Period, Error> {
    let end = end.unwrap_or_else(|| state.app.now(scope));
    let start = start.unwrap_or_else(|| end.plus_seconds(-DEFAULT_SECONDS));
    if end < start {
        return Err(Error::field("end_time", "end_time must not be before start_time"));
    }
    Ok(Period::new(start, end))
}
