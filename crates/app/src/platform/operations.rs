//! What who operates the system wants to know of it: numbers of the database, over all tenants. Asked now and then, for their cost grows with
//! what there is.

use domain::invoice::InvoiceStatus;
use domain::time::{Clock as _, Timestamp};

use crate::due_work::Kind;
use crate::{App, Result};

/// Where the work stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// Invoices in each status.
    pub invoices: Vec<(InvoiceStatus, i64)>,
    /// Work that is due and not done, of each kind; those that only a newer release knows have none.
    pub overdue: Vec<(Option<Kind>, Backlog)>,
    /// System events that were not told yet.
    pub outbox: Backlog,
}

/// Things that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many.
    pub pieces: i64,
    /// For how long the first of them waits, in seconds.
    pub oldest_seconds: i64,
}

impl App {
    /// Where the work stands now.
    pub async fn operations(&self) -> Result<Operations> {
        let mut database = self.database();
        let now = self.clocks().system_now();
        let waits = |since: Timestamp| (now.micros() - since.micros()).max(0) / 1_000_000;
        let (events, oldest) = storage::outbox::waiting(&mut database).await?;
        let overdue = storage::due_work::overdue(&mut database, now).await?;
        Ok(Operations {
            invoices: storage::billed_lines::invoices_by_status(&mut database).await?,
            overdue: overdue
                .iter()
                .map(|overdue| (Kind::named(&overdue.kind), Backlog { pieces: overdue.pieces, oldest_seconds: waits(overdue.since) }))
                .collect(),
            outbox: Backlog { pieces: events, oldest_seconds: oldest.map_or(0, waits) },
        })
    }
}
