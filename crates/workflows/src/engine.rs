//! What drives due work in this process: the runner over the table, or a Temporal server.

use app::due_work::DueWork;

use crate::Runner;
#[cfg(feature = "cluster")]
use crate::temporal::{TemporalClient, Workers};

/// The engine of this process. A process that only takes requests in a cluster has a client and no workers: it starts work, others do it.
pub enum WorkflowEngine {
    /// Looks at the table of due work itself.
    InProcess(Runner),
    /// A Temporal server, and the workers of this process if it has any.
    #[cfg(feature = "cluster")]
    Temporal {
        /// Starts workflows.
        client: TemporalClient,
        /// Does them.
        workers: Option<Workers>,
    },
}

/// The engine does not take what it is given. What is planned stays planned.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(String);

impl WorkflowEngine {
    /// Has work done that is due now, without waiting for the next look. Work that is planned and not told of here is found all the
    /// same, a little later: a failure is worth a line in the log, not an answer to a client.
    ///
    /// # Errors
    /// When the server does not take it.
    pub async fn start_due(&self, due: &[DueWork]) -> Result<(), Unavailable> {
        match self {
            Self::InProcess(runner) => {
                if !due.is_empty() {
                    runner.look();
                }
                Ok(())
            }
            #[cfg(feature = "cluster")]
            Self::Temporal { client, .. } => client.start_due(due).await.map(|_| ()).map_err(|error| Unavailable(error.to_string())),
        }
    }

    /// Proves that the engine answers: for readiness.
    ///
    /// # Errors
    /// When it does not; the text says why.
    pub async fn check(&self) -> Result<(), Unavailable> {
        match self {
            Self::InProcess(_) => Ok(()),
            #[cfg(feature = "cluster")]
            Self::Temporal { client, .. } => client.check().await.map_err(|error| Unavailable(error.to_string())),
        }
    }

    /// Takes no more work, and waits for what runs, at most half a minute.
    pub async fn stop(self) {
        match self {
            Self::InProcess(runner) => runner.stop().await,
            #[cfg(feature = "cluster")]
            Self::Temporal { workers, .. } => {
                if let Some(workers) = workers {
                    workers.stop().await;
                }
            }
        }
    }
}
