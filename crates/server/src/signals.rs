//! Requests to stop: SIGINT and SIGTERM, counted. The first means "finish", the second "at once".

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Requests to stop, in the order they come.
pub struct Signals {
    requests: UnboundedReceiver<()>,
}

/// Asks a server to stop, in place of a signal.
#[derive(Clone)]
pub struct Stopper {
    requests: UnboundedSender<()>,
}

impl Stopper {
    /// One request to stop.
    pub fn stop(&self) {
        // A server that is gone has stopped already.
        let _gone = self.requests.send(());
    }
}

impl Signals {
    /// SIGINT and SIGTERM of this process, caught from now on; the process may stop itself, too.
    ///
    /// # Errors
    /// When the system refuses to deliver them.
    pub fn of_process() -> io::Result<(Stopper, Self)> {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let (stopper, signals) = Self::manual();
        let by_itself = stopper.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => stopper.stop(),
                    _ = terminate.recv() => stopper.stop(),
                }
            }
        });
        Ok((by_itself, signals))
    }

    /// Requests that only the [`Stopper`] makes.
    #[must_use]
    pub fn manual() -> (Stopper, Self) {
        let (sender, requests) = unbounded_channel();
        (Stopper { requests: sender }, Self { requests })
    }

    /// The next request. Without anybody left who could make one it never comes.
    pub async fn next(&mut self) {
        if self.requests.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
