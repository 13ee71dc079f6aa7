//! A piece of due work is one workflow, however often it is found.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use app::Error;
use app::due_work::{Kind, Outcome};
use futures::future::join_all;
use temporalio_client::WorkflowExecutionStatus;
use workflows::temporal::{Started, TemporalClient};

use crate::support::{Table, connect, eventually, fresh_prefix, patient, piece, serve};

/// How the workflow of a piece stands.
pub(crate) async fn status(client: &TemporalClient, id: &str) -> WorkflowExecutionStatus {
    let handle = client.raw().get_workflow_handle::<temporalio_client::UntypedWorkflow>(id.to_owned());
    handle.describe(Default::default()).await.expect("a workflow").status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_that_is_started_often_runs_once() {
    let client = connect(&fresh_prefix()).await;
    let due = piece(Kind::ComputeInvoice, "inv");
    let table = Table::new(std::slice::from_ref(&due));
    let at_once = join_all((0..20).map(|_| client.start_due(std::slice::from_ref(&due)))).await;
    let started: u32 = at_once.into_iter().map(|outcome| outcome.unwrap().started).sum();
    assert_eq!(started, 1);

    let workers = serve(&client, table.clone(), patient()).await;
    let id = client.workflow_id(Kind::ComputeInvoice, &due);
    eventually("done", || async { (status(&client, &id).await == WorkflowExecutionStatus::Completed).then_some(()) }).await;
    let again = client.start_due(std::slice::from_ref(&due)).await.unwrap();
    assert_eq!(again, Started { started: 0, known: 1 }, "one that is done is not started again");
    assert_eq!(table.runs(), std::slice::from_ref(&due.id));

    // The same work, planned anew for another instant, is another piece.
    let moved = app::due_work::DueWork { due_at: due.due_at.plus_seconds(60), ..due };
    assert_eq!(client.start_due(&[moved]).await.unwrap(), Started { started: 1, known: 0 });
    eventually("run again", || async { (table.runs().len() == 2).then_some(()) }).await;
    workers.stop().await;
    client.remove_schedules().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_that_failed_may_be_started_again() {
    let client = connect(&fresh_prefix()).await;
    let due = piece(Kind::RollOverSubscription, "subs");
    let broken = Arc::new(AtomicBool::new(true));
    let breaks = broken.clone();
    let ending = move |_: &app::due_work::DueWork| {
        if breaks.load(Ordering::SeqCst) { Err(Error::Unavailable("away".into())) } else { Ok(Outcome::Done) }
    };
    let table = Table::ending(std::slice::from_ref(&due), Box::new(ending));
    let workers = serve(&client, table.clone(), patient()).await;
    let id = client.workflow_id(Kind::RollOverSubscription, &due);
    client.start_due(std::slice::from_ref(&due)).await.unwrap();
    eventually("failed", || async { (status(&client, &id).await == WorkflowExecutionStatus::Failed).then_some(()) }).await;
    broken.store(false, Ordering::SeqCst);
    assert_eq!(client.start_due(std::slice::from_ref(&due)).await.unwrap(), Started { started: 1, known: 0 });
    eventually("done", || async { (status(&client, &id).await == WorkflowExecutionStatus::Completed).then_some(()) }).await;
    assert_eq!(table.planned(), [""; 0]);
    workers.stop().await;
    client.remove_schedules().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_whose_environment_got_a_clock_may_be_started_again() {
    let client = connect(&fresh_prefix()).await;
    let due = piece(Kind::FinalizeInvoice, "inv");
    let table = Table::ending(std::slice::from_ref(&due), Box::new(|_| Ok(Outcome::OwnClock)));
    let workers = serve(&client, table.clone(), patient()).await;
    let id = client.workflow_id(Kind::FinalizeInvoice, &due);
    client.start_due(std::slice::from_ref(&due)).await.unwrap();
    eventually("failed", || async { (status(&client, &id).await == WorkflowExecutionStatus::Failed).then_some(()) }).await;
    assert_eq!(table.failures(), [], "that is no failure of the work");
    assert_eq!(table.runs().len(), 1, "nor is it tried again at once");
    assert_eq!(client.start_due(std::slice::from_ref(&due)).await.unwrap(), Started { started: 1, known: 0 });
    workers.stop().await;
    client.remove_schedules().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_this_release_does_not_know_is_left_to_another() {
    let client = connect(&fresh_prefix()).await;
    let unknown = app::due_work::DueWork { kind: "from_the_future".into(), ..piece(Kind::ComputeInvoice, "inv") };
    assert_eq!(client.start_due(&[unknown]).await.unwrap(), Started { started: 0, known: 1 });
}
