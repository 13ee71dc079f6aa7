//! A schedule's run through the table of due work.

use app::due_work::{DueWork, Kind};
use temporalio_client::{WorkflowGetResultOptions, WorkflowStartOptions};
use workflows::temporal::workflows::ScheduleSubscriptionBillingWorkflow;
use workflows::temporal::{Queue, Scan, TemporalClient};

use crate::support::{Table, connect, eventually, fresh_prefix, patient, piece, serve};

/// Scans once, and says how many workflows it started.
async fn scan(client: &TemporalClient, scan: Scan) -> u32 {
    let id = format!("{}{}", client.schedule_id("scan-"), client.queue_name(Queue::Background));
    let options = WorkflowStartOptions::new(client.queue_name(Queue::Background), id).build();
    let handle = client.raw().start_workflow(ScheduleSubscriptionBillingWorkflow::run, scan, options).await.expect("started");
    handle.get_result(WorkflowGetResultOptions::default()).await.expect("a result").started
}

fn pieces(count: usize) -> Vec<DueWork> {
    (0..count)
        .map(|number| {
            let kind = if number % 2 == 0 { Kind::RollOverSubscription } else { Kind::ComputeInvoice };
            piece(kind, &format!("entity{number:03}"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_of_many_pages_starts_every_piece_once() {
    let client = connect(&fresh_prefix()).await;
    let mut due = pieces(45);
    let table = Table::new(&due);
    let workers = serve(&client, table.clone(), patient()).await;
    // 45 pages of one row: more than one run of the workflow takes.
    let started = scan(&client, Scan { batch_size: 1, workflows_max: 0, started: 0, from: None }).await;
    assert_eq!(started, 45);
    eventually("all done", || async { table.planned().is_empty().then_some(()) }).await;
    let mut runs = table.runs();
    runs.sort();
    due.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(runs, due.into_iter().map(|due| due.id).collect::<Vec<_>>());
    workers.stop().await;
    client.remove_schedules().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_starts_no_more_than_it_may_and_the_next_goes_on() {
    let client = connect(&fresh_prefix()).await;
    let due = pieces(7);
    // No high-priority queue is served: what is started stays, as it would behind slow workers.
    let options = workflows::temporal::WorkerOptions { queues: vec![Queue::Background], ..patient() };
    let workers = serve(&client, Table::new(&due), options).await;
    let capped = Scan { batch_size: 2, workflows_max: 5, started: 0, from: None };
    assert_eq!(scan(&client, capped.clone()).await, 5);
    // Five are known by now; they neither count nor stand in the way of the others.
    assert_eq!(scan(&client, capped.clone()).await, 2);
    assert_eq!(scan(&client, capped).await, 0);
    workers.stop().await;
    client.remove_schedules().await.unwrap();
}

/// What a scan may start is not used up by the backlog of one environment.
#[tokio::test(flavor = "multi_thread")]
async fn a_scan_begins_with_fair_turns() {
    let client = connect(&fresh_prefix()).await;
    let mut due = pieces(20);
    let mut other = piece(Kind::RollOverSubscription, "other");
    other.scope.environment_id = "another_env_of_test".into();
    // Later than all of the backlog.
    other.due_at = other.due_at.plus_seconds(3_600);
    due.push(other.clone());
    let table = Table::new(&due);
    let workers = serve(&client, table.clone(), patient()).await;
    assert_eq!(scan(&client, Scan { batch_size: 3, workflows_max: 3, started: 0, from: None }).await, 3);
    eventually("its turn", || async { table.runs().contains(&other.id).then_some(()) }).await;
    workers.stop().await;
    client.remove_schedules().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_leaves_kinds_to_the_schedule_that_looks_for_them() {
    let client = connect(&fresh_prefix()).await;
    let table = Table::new(&[piece(Kind::FinalizeInvoice, "inv")]);
    let workers = serve(&client, table, patient()).await;
    assert_eq!(scan(&client, Scan { batch_size: 10, workflows_max: 0, started: 0, from: None }).await, 0);
    workers.stop().await;
    client.remove_schedules().await.unwrap();
}
