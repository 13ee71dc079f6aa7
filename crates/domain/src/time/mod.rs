//! Instants, half-open periods, billing boundaries, time zones. All calendar arithmetic of the system lives here.

mod boundary;
mod period;
mod timestamp;
mod zone;

pub use boundary::{BillingPeriod, Cycle, calendar_anchor, next_boundary, previous_boundary};
pub use period::Period;
pub use timestamp::{ParseTimestampError, Timestamp};
pub use zone::Zone;
pub(crate) use zone::{days_later, month_shifted, step_around};

use crate::ids::EnvironmentId;

/// Tells the time of an environment: the system's, or that of a sandbox with a clock of its own. Injected everywhere.
pub trait Clock: Send + Sync {
    /// The present instant of the environment, in whole microseconds.
    fn now(&self, environment: &EnvironmentId) -> Timestamp;

    /// The system's own present instant: for credentials, which no sandbox clock may bend.
    fn system_now(&self) -> Timestamp;
}
