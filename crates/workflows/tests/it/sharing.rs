//! Several workers on the same queues, their limits, their end.

use std::sync::Arc;
use std::time::Duration;

use app::due_work::Kind;
use temporalio_client::WorkflowExecutionStatus;
use tokio::sync::Semaphore;
use workflows::temporal::WorkerOptions;

use crate::identity::status;
use crate::support::{Table, connect, eventually, fresh_prefix, patient, piece, serve};

fn one_at_a_time() -> WorkerOptions {
    WorkerOptions { activities_max: 1, ..patient() }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_a_queue_within_their_limits() {
    let prefix = fresh_prefix();
    // A process has one connection and one worker per queue; these are two processes.
    let (client, other) = (connect(&prefix).await, connect(&prefix).await);
    let due: Vec<_> = (0..10).map(|_| piece(Kind::ComputeInvoice, "inv")).collect();
    let gates = [Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0))];
    let tables = gates.clone().map(|gate| Table::gated(&due, gate));
    let workers = [serve(&client, tables[0].clone(), one_at_a_time()).await, serve(&other, tables[1].clone(), one_at_a_time()).await];
    client.start_due(&due).await.unwrap();
    // Each takes one piece and, with nothing let through, no second: that both hold one proves that both work.
    eventually("both work", || async { tables.iter().all(|table| table.runs().len() == 1).then_some(()) }).await;
    for gate in &gates {
        gate.add_permits(due.len());
    }
    let done = || tables.iter().map(|table| due.len() - table.planned().len()).sum::<usize>();
    eventually("all done", || async { (done() == due.len()).then_some(()) }).await;
    let mut runs: Vec<String> = tables.iter().flat_map(|table| table.runs()).collect();
    runs.sort();
    runs.dedup();
    assert_eq!(runs.len(), due.len(), "each was done by one");
    assert_eq!(tables.iter().map(|table| table.runs().len()).sum::<usize>(), due.len(), "and once");
    for workers in workers {
        workers.stop().await;
    }
    client.remove_schedules().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_a_running_piece_end_and_takes_no_other() {
    let client = connect(&fresh_prefix()).await;
    let due: Vec<_> = (0..2).map(|_| piece(Kind::ComputeInvoice, "inv")).collect();
    let gate = Arc::new(Semaphore::new(0));
    let table = Table::gated(&due, gate.clone());
    let workers = serve(&client, table.clone(), WorkerOptions { stop_timeout: Duration::from_secs(30), ..one_at_a_time() }).await;
    client.start_due(&due[..1]).await.unwrap();
    eventually("it runs", || async { (table.runs().len() == 1).then_some(()) }).await;
    let stopping = tokio::spawn(workers.stop());
    client.start_due(&due[1..]).await.unwrap();
    // The stop waits for the piece.
    assert!(!stopping.is_finished());
    gate.add_permits(2);
    tokio::time::timeout(Duration::from_secs(20), stopping).await.expect("it ends in time").expect("it ends");
    assert_eq!(table.runs(), [due[0].id.clone()]);
    assert_eq!(table.planned(), [due[1].id.clone()]);

    // The next worker is told that the first piece is done, and does the second.
    let workers = serve(&client, table.clone(), patient()).await;
    for due in &due {
        let id = client.workflow_id(Kind::ComputeInvoice, due);
        eventually("done", || async { (status(&client, &id).await == WorkflowExecutionStatus::Completed).then_some(()) }).await;
    }
    assert_eq!(table.runs(), [due[0].id.clone(), due[1].id.clone()]);
    workers.stop().await;
    client.remove_schedules().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_cuts_off_what_does_not_end_and_another_worker_does_it() {
    let client = connect(&fresh_prefix()).await;
    let due = piece(Kind::ComputeInvoice, "inv");
    let stuck = Table::gated(std::slice::from_ref(&due), Arc::new(Semaphore::new(0)));
    let workers = serve(&client, stuck.clone(), WorkerOptions { stop_timeout: Duration::from_secs(1), ..patient() }).await;
    client.start_due(std::slice::from_ref(&due)).await.unwrap();
    eventually("it runs", || async { (stuck.runs().len() == 1).then_some(()) }).await;
    tokio::time::timeout(Duration::from_secs(10), workers.stop()).await.expect("it ends in time");
    let other = Table::new(std::slice::from_ref(&due));
    let workers = serve(&client, other.clone(), patient()).await;
    eventually("done", || async { other.planned().is_empty().then_some(()) }).await;
    workers.stop().await;
    client.remove_schedules().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn measurements_of_workers_reach_the_recorder() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().expect("the only recorder");
    let prefix = fresh_prefix();
    let client = connect(&prefix).await;
    let due = piece(Kind::ComputeInvoice, "inv");
    let workers = serve(&client, Table::new(std::slice::from_ref(&due)), patient()).await;
    client.start_due(&[due]).await.unwrap();
    let queue = format!("task_queue=\"{prefix}billing-high-priority\"");
    let wanted = [
        "flexprice_workflows_started_total",
        "flexprice_activity_duration_seconds",
        "flexprice_activity_schedule_to_start_seconds",
        "temporal_workflow_completed",
        "temporal_workflow_task_schedule_to_start_latency_seconds",
        "temporal_worker_task_slots_available",
        "temporal_worker_task_slots_used",
    ];
    eventually("measurements", || async {
        let page = recorder.render();
        let has = |name: &str| {
            let of_this_queue = |line: &str| line.contains(&queue) || name.starts_with("flexprice_workflows");
            page.lines().any(|line| line.starts_with(name) && of_this_queue(line))
        };
        wanted.iter().all(|name| has(name)).then_some(())
    })
    .await;
    workers.stop().await;
    client.remove_schedules().await.unwrap();
}
