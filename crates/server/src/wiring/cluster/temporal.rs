//! Temporal: the workflow engine of a cluster.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::ApiSettings;
use app::App;
use workflows::temporal::{ClientOptions, EngineError, Queue, ScheduleOptions, TemporalClient, WorkerOptions, Workers};

use super::super::service::Stop;
use super::super::settings::answers_kept_days;
use super::super::wait::{NotUp, until_up};
use crate::config::Config;
use crate::finding::{Check, Finding};
use crate::gate::Gate;

/// One try to connect; waiting is ours.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// What a limit of zero means (spec 61).
const CONCURRENCY: u32 = 10;
const ACTIVITIES_PER_SECOND: f64 = 5.0;

/// Connects, waiting until the server is up, and starts the workers of this process.
pub(super) async fn start_worker(config: &Config, app: &App, gate: &Gate, settings: &mut ApiSettings) -> anyhow::Result<Stop> {
    let server = format!("Temporal at {}", config.temporal.address);
    let workers_options = worker_options(config)?;
    let (client, workers) = until_up(gate, &server, || async {
        let start = async {
            let client = TemporalClient::connect(client_options(config)).await?;
            let workers = Workers::start(client.clone(), Arc::new(app.clone()), workers_options.clone()).await?;
            Ok((client, workers))
        };
        start.await.map_err(|error: EngineError| match error {
            EngineError::Options(_) => NotUp::Ever(anyhow::Error::new(error).context(server.clone())),
            other => NotUp::Yet(other.to_string()),
        })
    })
    .await?;
    let check = move || {
        let client = client.clone();
        let answer: std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send>> =
            Box::pin(async move { client.check().await.map_err(|error| error.to_string()) });
        answer
    };
    settings.checks.push(("workflows", Arc::new(check)));
    Ok(Box::pin(workers.stop()))
}

fn client_options(config: &Config) -> ClientOptions {
    let temporal = &config.temporal;
    ClientOptions {
        address: temporal.address.clone(),
        namespace: temporal.namespace.clone(),
        tls: temporal.tls,
        api_key: Some(temporal.api_key.expose().to_owned()).filter(|key| !key.is_empty()),
        connect_timeout: CONNECT_TIMEOUT,
        ..ClientOptions::default()
    }
}

fn worker_options(config: &Config) -> anyhow::Result<WorkerOptions> {
    let (temporal, worker) = (&config.temporal, &config.temporal.worker);
    let count = |count: u32| usize::try_from(if count == 0 { CONCURRENCY } else { count }).unwrap_or(usize::MAX);
    let rate = worker.worker_activities_per_second;
    Ok(WorkerOptions {
        queues: Queue::parse_list(&temporal.task_queue).context("temporal.task_queue")?,
        activities_max: count(worker.max_concurrent_activity_execution_size),
        workflow_tasks_max: count(worker.max_concurrent_workflow_task_execution_size).max(2),
        activities_per_second: Some(if rate == 0.0 { ACTIVITIES_PER_SECOND } else { rate }),
        queue_activities_per_second: Some(worker.task_queue_activities_per_second).filter(|rate| *rate > 0.0),
        schedules: ScheduleOptions {
            subscription_billing_every: temporal.subscription_billing_every,
            draft_finalization_every: temporal.draft_finalization_every,
            max_workflows_per_cron_run: temporal.max_workflows_per_cron_run,
            answers_kept_days: answers_kept_days(config),
            ..ScheduleOptions::default()
        },
        ..WorkerOptions::default()
    })
}

pub(super) async fn inspect(config: &Config) -> Option<Check> {
    let address = &config.temporal.address;
    if address.is_empty() {
        return None;
    }
    let look = async {
        worker_options(config)?;
        Ok::<_, anyhow::Error>(TemporalClient::connect(client_options(config)).await?.check().await?)
    };
    let finding = look.await.map_or_else(|error| Finding::Bad(format!("{address}: {error:#}")), |()| Finding::Good(address.clone()));
    Some(("Temporal", finding))
}
