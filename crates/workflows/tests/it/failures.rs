//! What fails is tried again as often as its workflow says, and noted each time.

use app::Error;
use app::due_work::{Again, Kind};
use domain::invalid::Invalid;
use temporalio_client::WorkflowExecutionStatus;

use crate::identity::status;
use crate::support::{Table, connect, eventually, fresh_prefix, patient, piece, serve};

async fn fails_with(kind: Kind, error: fn() -> Error) -> (usize, Vec<Again>) {
    let client = connect(&fresh_prefix()).await;
    let due = piece(kind, "entity");
    let table = Table::ending(std::slice::from_ref(&due), Box::new(move |_| Err(error())));
    let workers = serve(&client, table.clone(), patient()).await;
    client.start_due(std::slice::from_ref(&due)).await.unwrap();
    let id = client.workflow_id(kind, &due);
    eventually("failed", || async { (status(&client, &id).await == WorkflowExecutionStatus::Failed).then_some(()) }).await;
    workers.stop().await;
    client.remove_schedules().await.unwrap();
    let failures = table.failures();
    assert!(failures.iter().all(|(failed, why, _)| *failed == due.id && *why == error().to_string()), "{failures:?}");
    (table.runs().len(), failures.into_iter().map(|(_, _, again)| again).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_tried_three_times_and_then_put_off() {
    let (runs, again) = fails_with(Kind::ComputeInvoice, || Error::Unavailable("away".into())).await;
    assert_eq!((runs, again), (3, vec![Again::InPlace, Again::InPlace, Again::Later]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_tried_once_and_put_off() {
    let (runs, again) = fails_with(Kind::RollOverSubscription, || Error::Internal("a defect".into())).await;
    assert_eq!((runs, again), (1, vec![Again::Later]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_fail_the_same_way_is_not_tried_again() {
    for error in [|| Error::not_found("invoice", "inv_1"), || Error::Invalid(Invalid::operation("it is final"))] as [fn() -> Error; 2] {
        let (runs, again) = fails_with(Kind::FinalizeInvoice, error).await;
        assert_eq!((runs, again), (1, vec![Again::Later]));
    }
}
