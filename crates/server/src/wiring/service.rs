//! What runs in a process, and how it is stopped.

use std::future::Future;
use std::pin::Pin;

use axum::Router;

/// Work to do after the last request: flush and close the stores.
pub type Close = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

/// What [`crate::serve::serve`] runs.
pub struct Service {
    /// All routes of the process's role.
    pub router: Router,
    /// Runs once, after the requests in flight are done.
    pub close: Close,
}

/// Something that runs beside the requests until it is stopped. The future stops it.
pub(super) type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;
