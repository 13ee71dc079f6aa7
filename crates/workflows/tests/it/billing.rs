//! The real use cases over the real engine: a period turns, is computed, becomes final.

use std::sync::Arc;

use app::due_work::{Again, Kind, Outcome};
use tempfile::TempDir;
use testkit::SANDBOX;
use workflows::temporal::schedules;

use crate::support::{Billing, connect, eager, eventually, fresh_prefix, instant, serve};

/// The invoices of a subscription that have this status.
async fn with_status(billing: &Billing, subscription: &str, status: &str) -> Option<Vec<serde_json::Value>> {
    let invoices = billing.invoices(subscription).await;
    let found = !invoices.is_empty() && invoices.iter().all(|invoice| invoice["invoice_status"] == status);
    found.then_some(invoices)
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_turn_a_period_into_one_final_invoice() {
    let dir = TempDir::new().unwrap();
    let billing = Billing::open(dir.path(), "2025-01-01T00:00:00Z").await;
    let subscription = billing.subscription().await;
    let prefix = fresh_prefix();
    let (client, other) = (connect(&prefix).await, connect(&prefix).await);
    let workers =
        [serve(&client, Arc::new(billing.app.clone()), eager()).await, serve(&other, Arc::new(billing.app.clone()), eager()).await];

    billing.set_clock("2025-02-01T00:00:01Z");
    eventually("a draft", || with_status(&billing, &subscription, "DRAFT")).await;
    billing.set_clock("2025-02-01T00:30:00Z");
    eventually("a computed draft", || async {
        let invoices = billing.invoices(&subscription).await;
        (invoices[0]["last_computed_at"].is_string()).then_some(())
    })
    .await;
    billing.set_clock("2025-02-01T04:00:00Z");
    eventually("a final invoice", || with_status(&billing, &subscription, "FINALIZED")).await;

    // Two more looks of the schedule find nothing to do.
    let looks = || async {
        let schedule = client.raw().get_schedule_handle(client.schedule_id(schedules::SUBSCRIPTION_BILLING));
        schedule.describe(Default::default()).await.expect("a schedule").action_count()
    };
    let before = looks().await;
    eventually("two more looks", || async { (looks().await >= before + 2).then_some(()) }).await;
    let invoices = billing.invoices(&subscription).await;
    assert_eq!(invoices.len(), 1, "{invoices:#?}");
    assert_eq!(invoices[0]["invoice_number"], "INV-202502-00001");
    assert_eq!(invoices[0]["amount_due"], "10");

    for workers in workers {
        workers.stop().await;
    }
    client.remove_schedules().await.unwrap();
    billing.app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_is_done_once_and_then_gone() {
    let dir = TempDir::new().unwrap();
    let billing = Billing::open(dir.path(), "2025-01-01T00:00:00Z").await;
    let subscription = billing.subscription().await;
    billing.set_clock("2025-02-01T00:00:01Z");
    let due = billing.due(&[Kind::RollOverSubscription], "2025-02-01T00:00:01Z").await;
    assert_eq!(due.len(), 1);
    assert_eq!(billing.app.run_planned(&due[0]).await.unwrap(), Outcome::Done);
    assert_eq!(billing.app.run_planned(&due[0]).await.unwrap(), Outcome::Gone);
    assert_eq!(billing.invoices(&subscription).await.len(), 1);
    billing.app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_with_a_clock_of_its_own_is_left_to_it() {
    let dir = TempDir::new().unwrap();
    let billing = Billing::open(dir.path(), "2025-01-01T00:00:00Z").await;
    let subscription = billing.subscription().await;
    billing.set_clock("2025-02-01T00:00:01Z");
    let kinds = [Kind::RollOverSubscription];
    let found = billing.due(&kinds, "2025-02-01T00:00:01Z").await;
    billing.api.set_clock("2025-01-05T00:00:00Z").await;
    assert_eq!(billing.due(&kinds, "2025-02-01T00:00:01Z").await, []);
    // Found before the clock was set: it is not run either.
    assert_eq!(billing.app.run_planned(&found[0]).await.unwrap(), Outcome::OwnClock);
    assert_eq!(billing.invoices(&subscription).await, [""; 0]);
    billing.api.delete(&format!("/v1/environments/{SANDBOX}/clock")).await.expect(200);
    assert_eq!(billing.app.run_planned(&found[0]).await.unwrap(), Outcome::Done);
    billing.app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_noted_in_place_or_puts_the_work_off() {
    let dir = TempDir::new().unwrap();
    let billing = Billing::open(dir.path(), "2025-01-01T00:00:00Z").await;
    billing.subscription().await;
    billing.set_clock("2025-02-01T00:00:01Z");
    let kinds = [Kind::RollOverSubscription];
    let due = billing.due(&kinds, "2025-02-01T00:00:01Z").await;
    let error = app::Error::Unavailable("the database is away".into());
    billing.app.due_work_failed(&due[0], &error, Again::InPlace).await.unwrap();
    let noted = billing.due(&kinds, "2025-02-01T00:00:01Z").await;
    assert_eq!((noted[0].attempts, noted[0].last_error.as_str(), noted[0].due_at), (1, "the database is away", due[0].due_at));
    billing.app.due_work_failed(&due[0], &error, Again::Later).await.unwrap();
    assert_eq!(billing.due(&kinds, "2025-02-01T00:00:01Z").await, [], "it is put off");
    // 1 s after midnight, and 10 s for the second failure.
    let put_off = billing.due(&kinds, "2025-02-01T00:00:11Z").await;
    assert_eq!((put_off[0].attempts, put_off[0].due_at), (2, instant("2025-02-01T00:00:11Z")));
    // Told of a failure of the piece as it was, long after: the piece as it is now is left alone.
    billing.app.due_work_failed(&due[0], &error, Again::Later).await.unwrap();
    assert_eq!(billing.due(&kinds, "2025-02-01T00:00:11Z").await, put_off);
    billing.app.close().await;
}
