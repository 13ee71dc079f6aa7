//! Recorded histories replay: a change of a workflow that running ones cannot follow fails here. How to change one all the same is in
//! docs/recipes/change-a-workflow.md.

use std::path::PathBuf;

use app::Error;
use app::due_work::{Kind, Outcome};
use serde_json::Value;
use temporalio_client::{UntypedWorkflow, WorkflowFetchHistoryOptions, WorkflowGetResultOptions, WorkflowHistory, WorkflowStartOptions};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::workflow_replayer::{WorkflowReplayError, WorkflowReplayer, WorkflowReplayerOptions};
use temporalio_sdk::{WorkflowContext, WorkflowResult};
use workflows::temporal::workflows::{
    ForgetIdempotencyAnswersWorkflow, ScheduleDraftFinalizationWorkflow, ScheduleSubscriptionBillingWorkflow,
};
use workflows::temporal::{Piece, PieceOutcome, Queue, Scan, Scanner, TemporalClient, entry, replayer};

use crate::support::{Table, connect, eventually, fresh_prefix, patient, piece, serve};

fn histories() -> PathBuf {
    PathBuf::from("tests/histories")
}

fn recorded() -> Vec<(String, WorkflowHistory)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(histories()).expect("histories").map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let read = |file: PathBuf| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        (name, WorkflowHistory::from_json(&std::fs::read(&file).unwrap()).expect("a history"))
    };
    files.into_iter().map(read).collect()
}

fn recorded_names() -> Vec<String> {
    recorded().into_iter().map(|(name, _)| name).collect()
}

/// Those of a piece that was done and of one that failed.
fn of_kind(kind: Kind) -> [String; 2] {
    let name = entry(kind).workflow_type;
    [name.to_owned(), format!("{name}-failed")]
}

#[test]
fn every_kind_of_due_work_has_a_workflow_a_queue_a_schedule_and_a_history_of_each_end() {
    let (replayer, recorded) = (replayer().expect("a replayer"), recorded_names());
    for kind in Kind::ALL {
        let entry = entry(kind);
        let registered = replayer.options().workflows();
        assert!(registered.workflow_definitions().any(|workflow| workflow.workflow_type == entry.workflow_type), "{kind}: {entry:?}");
        assert!(Queue::ALL.contains(&entry.queue), "{kind}");
        let scanners = [Scanner::SubscriptionBilling, Scanner::DraftFinalization];
        assert_eq!(scanners.into_iter().filter(|scanner| scanner.kinds().any(|found| found == kind)).count(), 1, "{kind}");
        let missing: Vec<String> = of_kind(kind).into_iter().filter(|name| !recorded.contains(name)).collect();
        assert!(missing.is_empty(), "{kind}: record {missing:?} as docs/recipes/change-a-workflow.md says");
    }
}

/// Else a change of it would be noticed by running workflows first.
#[test]
fn every_registered_workflow_has_a_recorded_history() {
    let recorded = recorded_names();
    let workflows = replayer().expect("a replayer").options().workflows();
    let mut registered: Vec<&str> = workflows.workflow_definitions().map(|workflow| workflow.workflow_type.as_str()).collect();
    registered.sort_unstable();
    assert!(registered.len() > Kind::ALL.len(), "{registered:?}");
    let missing: Vec<&str> = registered.iter().copied().filter(|name| !recorded.iter().any(|file| file == name)).collect();
    assert!(missing.is_empty(), "no recorded history: {missing:?}");
    let of_type = |file: &&String| registered.contains(&file.split('-').next().unwrap_or_default());
    let strange: Vec<&String> = recorded.iter().filter(|file| !of_type(file)).collect();
    assert!(strange.is_empty(), "histories of no registered workflow: {strange:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_histories_replay() {
    let recorded = recorded();
    let replaying = tokio::task::spawn_blocking(move || {
        let replayer = replayer().expect("a replayer");
        tokio::runtime::Handle::current().block_on(async {
            for (name, history) in recorded {
                replayer.replay_workflow(history).await.unwrap_or_else(|error| panic!("{name} does not replay: {error}"));
            }
        });
    });
    replaying.await.expect("all replay");
}

/// As if somebody had put a pause before the computation.
#[workflow]
#[derive(Default)]
struct Changed;

#[workflow_methods]
impl Changed {
    #[run(name = "ComputeInvoiceWorkflow")]
    async fn run(ctx: &mut WorkflowContext<Self>, _piece: Piece) -> WorkflowResult<PieceOutcome> {
        ctx.timer(std::time::Duration::from_secs(1)).await;
        Ok(PieceOutcome::Done)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_running_workflows_cannot_follow_is_noticed() {
    let (_, history) = recorded().into_iter().find(|(name, _)| name == "ComputeInvoiceWorkflow").expect("recorded");
    let replaying = tokio::task::spawn_blocking(move || {
        let options = WorkflowReplayerOptions::new().register_workflow::<Changed>().expect("registered").build();
        let replayer = WorkflowReplayer::new(options).expect("a replayer");
        tokio::runtime::Handle::current().block_on(replayer.replay_workflow(history))
    });
    let outcome = replaying.await.expect("it ends");
    assert!(matches!(outcome, Err(WorkflowReplayError::Replay(_))), "{outcome:?}");
}

fn is_missing(file: &str) -> bool {
    !histories().join(format!("{file}.json")).exists()
}

/// Writes a history that is missing, as the SDK reads it in this workspace: serde_json's `arbitrary_precision` hides plain numbers from
/// those of its messages that take a number or a text (the ones with camel-case fields), so these get texts.
async fn write(history: WorkflowHistory, file: &str) {
    if !is_missing(file) {
        return;
    }
    let mut json: Value = serde_json::from_slice(&history.to_json().await.expect("a history")).expect("JSON");
    numbers_as_texts(&mut json);
    std::fs::write(histories().join(format!("{file}.json")), format!("{json}\n")).expect("written");
}

fn numbers_as_texts(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::Number(number) if name.contains(char::is_uppercase) => *value = Value::String(number.to_string()),
                    other => numbers_as_texts(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(numbers_as_texts),
        _ => {}
    }
}

async fn record(client: &TemporalClient, workflow_id: &str, file: &str) {
    let handle = client.raw().get_workflow_handle::<UntypedWorkflow>(workflow_id.to_owned());
    // A failed workflow has a history too.
    let _ = handle.get_result(WorkflowGetResultOptions::default()).await;
    write(handle.fetch_history(WorkflowFetchHistoryOptions::default()), file).await;
}

async fn record_piece(client: &TemporalClient, kind: Kind, file: &str, ending: fn() -> Result<Outcome, Error>) {
    let due = piece(kind, "entity");
    let workers = serve(client, Table::ending(std::slice::from_ref(&due), Box::new(move |_| ending())), patient()).await;
    client.start_due(std::slice::from_ref(&due)).await.unwrap();
    record(client, &client.workflow_id(kind, &due), file).await;
    workers.stop().await;
}

async fn record_pieces(client: &TemporalClient) {
    for kind in Kind::ALL {
        let endings: [fn() -> Result<Outcome, Error>; 2] = [|| Ok(Outcome::Done), || Err(Error::Unavailable("away".into()))];
        for (file, ending) in of_kind(kind).iter().zip(endings).filter(|(file, _)| is_missing(file)) {
            record_piece(client, kind, file, ending).await;
        }
    }
}

async fn record_schedules(client: &TemporalClient) {
    let kinds = [Kind::RollOverSubscription, Kind::FinalizeInvoice];
    let due: Vec<_> = (0..6).map(|number| piece(kinds[number % 2], "entity")).collect();
    let workers = serve(client, Table::new(&due), patient()).await;
    let queue = client.queue_name(Queue::Background);
    let options = |id: &str| WorkflowStartOptions::new(queue.clone(), client.schedule_id(id)).build();
    // Two pages of two rows.
    let scan = Scan { batch_size: 2, workflows_max: 0, started: 0, from: None };
    client.raw().start_workflow(ScheduleSubscriptionBillingWorkflow::run, scan.clone(), options("billing")).await.expect("started");
    record(client, &client.schedule_id("billing"), "ScheduleSubscriptionBillingWorkflow").await;
    client.raw().start_workflow(ScheduleDraftFinalizationWorkflow::run, scan, options("drafts")).await.expect("started");
    record(client, &client.schedule_id("drafts"), "ScheduleDraftFinalizationWorkflow").await;
    client.raw().start_workflow(ForgetIdempotencyAnswersWorkflow::run, 7, options("answers")).await.expect("started");
    record(client, &client.schedule_id("answers"), "ForgetIdempotencyAnswersWorkflow").await;
    workers.stop().await;
}

async fn record_continuation(client: &TemporalClient) {
    let due: Vec<_> = (0..25).map(|_| piece(Kind::ComputeInvoice, "entity")).collect();
    let table = Table::new(&due);
    let workers = serve(client, table.clone(), patient()).await;
    let options = WorkflowStartOptions::new(client.queue_name(Queue::Background), client.schedule_id("long")).build();
    let scan = Scan { batch_size: 1, workflows_max: 0, started: 0, from: None };
    let handle = client.raw().start_workflow(ScheduleSubscriptionBillingWorkflow::run, scan, options).await.expect("started");
    handle.get_result(WorkflowGetResultOptions::default()).await.expect("a result");
    // The handle names the first run, which continued as new; the id alone names the last.
    let first = handle.fetch_history(WorkflowFetchHistoryOptions::default());
    write(first, "ScheduleSubscriptionBillingWorkflow-continued").await;
    record(client, &client.schedule_id("long"), "ScheduleSubscriptionBillingWorkflow-continuation").await;
    eventually("all done", || async { table.planned().is_empty().then_some(()) }).await;
    workers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes what is missing in tests/histories: docs/recipes/change-a-workflow.md says when"]
async fn record_missing_histories() {
    let client = connect(&fresh_prefix()).await;
    record_pieces(&client).await;
    let of_schedules = ["ScheduleSubscriptionBillingWorkflow", "ScheduleDraftFinalizationWorkflow", "ForgetIdempotencyAnswersWorkflow"];
    if of_schedules.into_iter().any(is_missing) {
        record_schedules(&client).await;
    }
    let of_continuation = ["ScheduleSubscriptionBillingWorkflow-continued", "ScheduleSubscriptionBillingWorkflow-continuation"];
    if of_continuation.into_iter().any(is_missing) {
        record_continuation(&client).await;
    }
    client.remove_schedules().await.unwrap();
}
