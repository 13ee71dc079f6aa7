//! What activities do, as a trait: the application itself, or something small in a measurement or a test of faults.

use app::due_work::{Again, DuePosition, DueWork, Kind, Outcome};
use app::{App, Error};
use async_trait::async_trait;
use domain::time::{Clock as _, Timestamp};

/// The use cases behind the activities. Each is idempotent.
#[async_trait]
pub trait Work: Send + Sync + 'static {
    /// The instant up to which work is due.
    fn now(&self) -> Timestamp;

    /// A page of work of these kinds that is due by `until`, after a position, earliest first.
    async fn due_page(&self, kinds: &[Kind], until: Timestamp, after: Option<&DuePosition>, limit: i64) -> Result<Vec<DueWork>, Error>;

    /// The first work of these kinds that is due by `until` in fair turns: of each environment the earliest, then the second of each.
    async fn due_in_turns(&self, kinds: &[Kind], until: Timestamp, limit: i64) -> Result<Vec<DueWork>, Error> {
        self.due_page(kinds, until, None, limit).await
    }

    /// Does one piece, if it is still planned as it was found.
    async fn run(&self, found: &DueWork) -> Result<Outcome, Error>;

    /// Notes why a piece failed.
    async fn failed(&self, found: &DueWork, error: &Error, again: Again) -> Result<(), Error>;

    /// Forgets answers to idempotency keys older than `days`; returns how many.
    async fn forget_answers(&self, days: i64) -> Result<u64, Error>;
}

#[async_trait]
impl Work for App {
    fn now(&self) -> Timestamp {
        self.clocks().system_now()
    }

    async fn due_page(&self, kinds: &[Kind], until: Timestamp, after: Option<&DuePosition>, limit: i64) -> Result<Vec<DueWork>, Error> {
        App::due_page(self, kinds, until, after, limit).await
    }

    async fn due_in_turns(&self, kinds: &[Kind], until: Timestamp, limit: i64) -> Result<Vec<DueWork>, Error> {
        App::due_in_turns(self, kinds, until, limit).await
    }

    async fn run(&self, found: &DueWork) -> Result<Outcome, Error> {
        self.run_planned(found).await
    }

    async fn failed(&self, found: &DueWork, error: &Error, again: Again) -> Result<(), Error> {
        self.due_work_failed(found, error, again).await
    }

    async fn forget_answers(&self, days: i64) -> Result<u64, Error> {
        App::forget_answers(self, days).await
    }
}
