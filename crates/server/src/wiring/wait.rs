//! Waiting for servers that are not up yet: in a cluster everything starts at once, in no order.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::gate::Gate;

/// Pause after the first failure; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How often the log repeats for what the process waits.
const SAY_AGAIN: Duration = Duration::from_secs(15);

/// Why a server could not be used.
pub(super) enum NotUp {
    /// It does not answer yet: worth another try.
    Yet(String),
    /// No further try will change it.
    Ever(anyhow::Error),
}

/// Tries until it succeeds or fails for good. Says at once, and again and again, for what it waits.
pub(super) async fn until_up<T, F>(gate: &Gate, server: &str, mut attempt: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, NotUp>>,
{
    let started = Instant::now();
    let (mut pause, mut said) = (PAUSE, None::<Instant>);
    loop {
        let cause = match attempt().await {
            Ok(up) => {
                if said.is_some() {
                    tracing::info!(server, waited_seconds = started.elapsed().as_secs(), "the server is up");
                }
                return Ok(up);
            }
            Err(NotUp::Ever(error)) => return Err(error),
            Err(NotUp::Yet(cause)) => cause,
        };
        gate.waits_for(&format!("{server}: {cause}"));
        if said.is_none_or(|at| at.elapsed() >= SAY_AGAIN) {
            tracing::warn!(server, %cause, waited_seconds = started.elapsed().as_secs(), "waiting for a server");
            said = Some(Instant::now());
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_is_awaited_until_it_is_up() {
        let (gate, mut tries) = (Gate::default(), 0);
        let up = until_up(&gate, "a server", || {
            tries += 1;
            let answer = if tries < 5 { Err(NotUp::Yet("refused".into())) } else { Ok(tries) };
            async move { answer }
        });
        assert_eq!(up.await.expect("up"), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_never_work_ends_the_wait() {
        let gate = Gate::default();
        let wrong = until_up::<(), _>(&gate, "a server", || async { Err(NotUp::Ever(anyhow::anyhow!("wrong password"))) });
        assert!(wrong.await.is_err());
    }
}
