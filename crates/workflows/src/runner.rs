//! The in-process runner: finds work that is due and does it, one piece after the other, until it is stopped.

use std::sync::Arc;
use std::time::Duration;

use app::App;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// How often the runner looks.
#[derive(Clone, Debug)]
pub struct RunnerOptions {
    /// Pause between two looks when nothing is due.
    pub pause: Duration,
    /// Most pieces of work of one look.
    pub batch_max: i64,
    /// Days for which answers to idempotency keys are kept.
    pub answers_kept_days: i64,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self { pause: Duration::from_secs(1), batch_max: 100, answers_kept_days: 7 }
    }
}

/// A running runner.
pub struct Runner {
    stop: watch::Sender<bool>,
    look: Arc<Notify>,
    task: JoinHandle<()>,
}

/// Pause between two rounds of forgetting old answers.
const FORGET_PAUSE: Duration = Duration::from_secs(3_600);
/// How long a stop waits for the piece of work that runs. What is cut off is done again at the next start.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

impl Runner {
    /// Starts to look for due work.
    pub fn start(app: App, options: RunnerOptions) -> Self {
        let (stop, stopped) = watch::channel(false);
        let look = Arc::new(Notify::new());
        Self { stop, look: look.clone(), task: tokio::spawn(run(app, options, look, stopped)) }
    }

    /// Looks now, without waiting for the next tick.
    pub fn look(&self) {
        self.look.notify_one();
    }

    /// Stops after the piece of work that runs.
    pub async fn stop(self) {
        // Fails only when the task has ended already.
        let _ = self.stop.send(true);
        if timeout(STOP_TIMEOUT, self.task).await.is_err() {
            tracing::warn!("due work still runs: it will be done again at the next start");
        }
    }
}

async fn run(app: App, options: RunnerOptions, look: Arc<Notify>, mut stopped: watch::Receiver<bool>) {
    let mut ticks = interval(options.pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut forget_at = Instant::now();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = look.notified() => {}
            _ = stopped.changed() => return,
        }
        while !*stopped.borrow() {
            match app.run_all_due(options.batch_max).await {
                // A full batch means that more may be due.
                Ok(done) if i64::try_from(done).is_ok_and(|done| done == options.batch_max) => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::error!(%error, "due work cannot be read");
                    break;
                }
            }
        }
        if Instant::now() >= forget_at {
            forget_at = Instant::now() + FORGET_PAUSE;
            if let Err(error) = app.forget_answers(options.answers_kept_days).await {
                tracing::warn!(%error, "old answers to idempotency keys cannot be forgotten");
            }
        }
    }
}
