//! The workers: one per queue, each on a thread of its own, restarted when they break, stopped with patience.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use temporalio_common::telemetry::TelemetryOptions;
use temporalio_common::worker::WorkerDeploymentOptions;
use temporalio_sdk::runtime::RuntimeOptions;
use temporalio_sdk::runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder};
use temporalio_sdk::{Runtime, Worker, WorkflowRegistrationError};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::activities::{Activities, HEARTBEAT_EVERY, PieceActivities};
use super::meter::MetricsMeter;
use super::work::Work;
use super::workflows::register_all;
use super::{EngineError, Queue, TemporalClient, WorkerOptions};

/// Pause before a broken worker is started again; doubles up to the greatest.
const RESTART_PAUSE: Duration = Duration::from_millis(500);
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(5);
/// A workflow's next task waits so long for the worker that had the one before, then any other takes it.
const STICKY_TIMEOUT: Duration = Duration::from_secs(5);
/// What a stop takes beyond the time that its activities get.
const STOP_MARGIN: Duration = Duration::from_secs(5);

/// The workers of this process.
pub struct Workers {
    stop: watch::Sender<bool>,
    running: Vec<(Queue, oneshot::Receiver<()>)>,
    stop_timeout: Duration,
}

/// What a worker is made of, again and again.
struct Recipe {
    runtime: Runtime,
    client: TemporalClient,
    work: Arc<dyn Work>,
    options: WorkerOptions,
}

impl Workers {
    /// Brings the schedules up to date and starts a worker for each queue.
    ///
    /// # Errors
    /// For options that make no sense, or when the server takes no schedule. Afterwards the workers mend themselves.
    pub async fn start(client: TemporalClient, work: Arc<dyn Work>, options: WorkerOptions) -> Result<Self, EngineError> {
        options.check()?;
        client.ensure_schedules(&options.schedules).await?;
        let worker_error = |error: &dyn std::fmt::Display| EngineError::Worker(error.to_string());
        let telemetry = TelemetryOptions::builder().metrics(MetricsMeter::shared()).attach_service_name(false).build();
        let of_runtime = RuntimeOptions::builder().telemetry_options(telemetry).build().map_err(|error| worker_error(&error))?;
        let runtime = Runtime::from_current_tokio(of_runtime).map_err(|error| worker_error(&error))?;
        let (stop, stopped) = watch::channel(false);
        let mut workers = Self { stop, running: Vec::new(), stop_timeout: options.stop_timeout };
        let queues = options.queues.clone();
        let recipe = Arc::new(Recipe { runtime, client, work, options });
        for queue in queues {
            let (ended, end) = oneshot::channel();
            let (recipe, stopped, tokio) = (recipe.clone(), stopped.clone(), tokio::runtime::Handle::current());
            let run = move || {
                tokio.block_on(keep_serving(&recipe, queue, stopped));
                // Nobody may be waiting.
                let _ = ended.send(());
            };
            // Workflow futures stay on the thread that made them; their activities run on the shared threads.
            let spawned = thread::Builder::new().name(format!("worker {queue}")).spawn(run);
            spawned.map_err(|error| worker_error(&error))?;
            workers.running.push((queue, end));
        }
        Ok(workers)
    }

    /// Stops taking work, lets activities that run end within the time of the options, cancels the others. What was cut off, the server
    /// gives to another worker.
    pub async fn stop(self) {
        // Fails only when all workers have ended already.
        let _ = self.stop.send(true);
        let deadline = tokio::time::Instant::now() + self.stop_timeout + STOP_MARGIN;
        for (queue, end) in self.running {
            if tokio::time::timeout_at(deadline, end).await.is_err() {
                tracing::warn!(%queue, "a worker does not stop: its work will be done elsewhere");
            }
        }
    }
}

/// Serves a queue until it is stopped. A worker that breaks, because the server was gone for long or refused it, is made anew.
async fn keep_serving(recipe: &Recipe, queue: Queue, mut stopped: watch::Receiver<bool>) {
    let mut pause = RESTART_PAUSE;
    while !*stopped.borrow() {
        let began = tokio::time::Instant::now();
        match serve(recipe, queue, &mut stopped).await {
            Ok(()) if *stopped.borrow() => break,
            Ok(()) => tracing::warn!(%queue, "a worker ended unasked: starting it again"),
            Err(error) => tracing::error!(%error, %queue, "a worker broke: starting it again"),
        }
        metrics::counter!("flexprice_worker_restarts_total", "task_queue" => queue.name()).increment(1);
        if began.elapsed() > RESTART_PAUSE_MAX {
            pause = RESTART_PAUSE;
        }
        // An error of the channel means that nobody can stop it any more: then it ends.
        match timeout(pause, stopped.wait_for(|stopped| *stopped)).await {
            Ok(_) => break,
            Err(_) => pause = (pause * 2).min(RESTART_PAUSE_MAX),
        }
    }
    tracing::info!(%queue, "the worker stopped");
}

async fn serve(recipe: &Recipe, queue: Queue, stopped: &mut watch::Receiver<bool>) -> Result<(), EngineError> {
    let worker_error = |error: &dyn std::fmt::Display| EngineError::Worker(error.to_string());
    let options = recipe.worker_options(queue).map_err(|error| worker_error(&error))?;
    let made = Worker::new(&recipe.runtime, recipe.client.raw().clone(), options);
    let mut worker = made.map_err(|error| worker_error(&error))?;
    let shut_down = worker.shutdown_handle();
    tracing::info!(queue = recipe.client.queue_name(queue), "the worker starts");
    let mut run = std::pin::pin!(worker.run());
    let ended = tokio::select! {
        ended = &mut run => ended,
        _ = stopped.wait_for(|stopped| *stopped) => {
            shut_down();
            run.await
        }
    };
    ended.map_err(|error| EngineError::Worker(format!("{error:#}")))
}

impl Recipe {
    fn worker_options(&self, queue: Queue) -> Result<temporalio_sdk::WorkerOptions, WorkflowRegistrationError> {
        let options = &self.options;
        let slots = TunerHolder::builder()
            .workflow_task_slot_supplier(slots(options.workflow_tasks_max))
            .activity_task_slot_supplier(slots(options.activities_max))
            .local_activity_task_slot_supplier(slots(options.activities_max))
            .nexus_task_slot_supplier(slots(1))
            .build();
        let mut registry = temporalio_sdk::WorkerOptions::new(self.client.queue_name(queue))
            .register_activities(Activities { work: self.work.clone(), client: self.client.clone() })
            .register_activities(PieceActivities { work: self.work.clone() })
            .tuner(slots)
            .maybe_max_worker_activities_per_second(options.activities_per_second)
            .maybe_max_task_queue_activities_per_second(options.queue_activities_per_second)
            .graceful_shutdown_period(options.stop_timeout)
            .sticky_queue_schedule_to_start_timeout(STICKY_TIMEOUT)
            // Else they are held back until four fifths of the time-out are over, and one that is late is the last.
            .max_heartbeat_throttle_interval(HEARTBEAT_EVERY)
            // Else the whole binary is read to name it.
            .deployment_options(WorkerDeploymentOptions::from_build_id(concat!("flexprice-", env!("CARGO_PKG_VERSION")).to_owned()))
            .build();
        register_all(&mut registry)?;
        Ok(registry)
    }
}

fn slots(count: usize) -> temporalio_sdk::runtime::worker_tuner::SlotSupplier {
    FixedSizeSlotSupplier::new(count).into()
}
