//! What a worker's death costs: the server's patience and a short pause, whatever the worker was about to do. The bounds are read from the
//! histories, where the server keeps what it was told; a clock would only measure the machine.

use std::sync::Arc;
use std::time::Duration;

use app::due_work::Kind;
use tempfile::TempDir;
use temporalio_client::grpc::WorkflowService;
use temporalio_client::tonic::IntoRequest as _;
use temporalio_client::{
    NamespacedClient as _, UntypedWorkflow, WorkflowExecutionStatus, WorkflowFetchHistoryOptions, WorkflowStartOptions,
};
use temporalio_common::protos::temporal::api::enums::v1::TimeoutType;
use temporalio_common::protos::temporal::api::failure::v1::failure::FailureInfo;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::PollWorkflowTaskQueueRequest;
use workflows::temporal::workflows::ScheduleSubscriptionBillingWorkflow;
use workflows::temporal::{Queue, Scan, TemporalClient, schedules};

use crate::identity::status;
use crate::support::{Table, connect, eventually, fresh_prefix, patient, piece, serve};
use crate::takeover::{NOW, SCAN, killed_in_an_activity};

/// The longest that one death may cost.
const DEATH_MAX: Duration = Duration::from_secs(12);

async fn history(client: &TemporalClient, id: &str) -> Vec<Attributes> {
    let handle = client.raw().get_workflow_handle::<UntypedWorkflow>(id.to_owned());
    let events = handle.fetch_history(WorkflowFetchHistoryOptions::default()).into_events().await.expect("a history");
    events.into_iter().filter_map(|event| event.attributes).collect()
}

/// The first event of a kind.
fn event<T>(history: &[Attributes], of_kind: impl Fn(&Attributes) -> Option<T>) -> T {
    history.iter().find_map(of_kind).unwrap_or_else(|| panic!("no such event: {history:?}"))
}

fn duration<T: TryInto<Duration>>(told: Option<T>) -> Duration {
    told.and_then(|told| told.try_into().ok()).expect("a time")
}

/// Killed while it looks for due work: no other scan begins while that one lives, so it must not live on for long.
#[tokio::test(flavor = "multi_thread")]
async fn a_scan_whose_worker_was_killed_goes_on_at_another() {
    let (dir, prefix) = (TempDir::new().unwrap(), fresh_prefix());
    let (billing, subscription, due) = killed_in_an_activity(dir.path(), &prefix, SCAN).await;
    let client = connect(&prefix).await;
    let schedule = client.raw().get_schedule_handle(client.schedule_id(schedules::SUBSCRIPTION_BILLING));
    let scan = eventually("the scan is known", || async {
        let described = schedule.describe(Default::default()).await.expect("a schedule");
        described.running_actions().pop().map(|scan| scan.workflow_id)
    })
    .await;
    // Its schedule looks once a day from here on: nobody but this scan can find the work.
    let workers = serve(&client, Arc::new(billing.app.clone()), patient()).await;
    let id = client.workflow_id(Kind::RollOverSubscription, &due);
    eventually("the scan has ended", || async { (status(&client, &scan).await == WorkflowExecutionStatus::Completed).then_some(()) }).await;
    eventually("the piece is done", || async { (status(&client, &id).await == WorkflowExecutionStatus::Completed).then_some(()) }).await;
    assert_eq!(billing.invoices(&subscription).await.len(), 1);
    assert_eq!(billing.due(&[Kind::RollOverSubscription], NOW).await, []);

    let history = history(&client, &scan).await;
    let (missed, retries) = event(&history, |event| match event {
        Attributes::ActivityTaskScheduledEventAttributes(it) => Some((duration(it.heartbeat_timeout), it.retry_policy.clone()?)),
        _ => None,
    });
    assert!(missed + duration(retries.initial_interval) <= DEATH_MAX, "{missed:?} {retries:?}");
    assert!((retries.backoff_coefficient - 1.0).abs() < f64::EPSILON, "the second death costs no more than the first: {retries:?}");
    let (attempt, failure) = event(&history, |event| match event {
        Attributes::ActivityTaskStartedEventAttributes(it) => Some((it.attempt, it.last_failure.clone().and_then(|it| it.failure_info))),
        _ => None,
    });
    assert_eq!(attempt, 2, "the first was the killed worker's, the second did it");
    let Some(FailureInfo::TimeoutFailureInfo(timeout)) = failure else { panic!("no time-out: {failure:?}") };
    assert_eq!(timeout.timeout_type(), TimeoutType::Heartbeat);
    workers.stop().await;
    client.remove_schedules().await.unwrap();
    billing.app.close().await;
}

/// Killed with a task of the workflow in its hands: a poller that never answers is all that the server sees of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_scan_whose_workflow_task_was_lost_goes_on() {
    let client = connect(&fresh_prefix()).await;
    let table = Table::new(&[piece(Kind::ComputeInvoice, "inv")]);
    let (queue, id) = (client.queue_name(Queue::Background), client.schedule_id("lost"));
    let scan = Scan { batch_size: 10, workflows_max: 0, started: 0, from: None };
    let options = WorkflowStartOptions::new(queue.clone(), id.clone()).build();
    client.raw().start_workflow(ScheduleSubscriptionBillingWorkflow::run, scan, options).await.expect("started");
    let poll = PollWorkflowTaskQueueRequest {
        namespace: client.raw().namespace(),
        task_queue: Some(TaskQueue { name: queue, ..TaskQueue::default() }),
        identity: "doomed".to_owned(),
        ..PollWorkflowTaskQueueRequest::default()
    };
    let taken = WorkflowService::poll_workflow_task_queue(&mut client.raw().clone(), poll.into_request()).await.expect("an answer");
    assert!(!taken.into_inner().task_token.is_empty(), "the doomed worker has the task");

    let workers = serve(&client, table.clone(), patient()).await;
    eventually("all is done", || async { table.planned().is_empty().then_some(()) }).await;
    let history = history(&client, &id).await;
    let patience = event(&history, |event| match event {
        Attributes::WorkflowExecutionStartedEventAttributes(it) => Some(duration(it.workflow_task_timeout)),
        _ => None,
    });
    assert!(patience <= DEATH_MAX, "{patience:?}");
    let lost = event(&history, |event| match event {
        Attributes::WorkflowTaskTimedOutEventAttributes(it) => Some(it.timeout_type()),
        _ => None,
    });
    assert_eq!(lost, TimeoutType::StartToClose);
    workers.stop().await;
    client.remove_schedules().await.unwrap();
}
