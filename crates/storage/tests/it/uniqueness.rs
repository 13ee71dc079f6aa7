//! Uniqueness is a rule of the database: whoever breaks it gets a conflict, and nothing of that unit of work needs to stay.

use domain::catalog::Plan;
use domain::customer::Customer;
use domain::invoice::{Invoice, InvoiceStatus};
use domain::scope::Status;
use storage::{Database, Record, StoreError};

use crate::fixtures::{at, begin, customer, customer_in, invoice, neighbours, plan, seen, store};

contract!(
    an_id_is_given_once,
    an_external_id_belongs_to_one_published_customer,
    a_lookup_key_belongs_to_one_published_plan,
    a_period_is_billed_once_for_each_reason,
    an_invoice_number_is_given_once,
    an_update_into_a_taken_name_is_a_conflict,
    what_exists_is_not_written_again_and_spoils_nothing,
    of_two_concurrent_writers_one_gets_the_name,
);

/// Tries to write a record; what it wrote before a conflict is taken back.
async fn try_store<R: Record + Sync>(database: &Database, record: &R) -> Result<(), StoreError> {
    let mut work = begin(database).await;
    storage::insert(&mut work, record).await?;
    work.commit().await
}

async fn assert_conflict<R: Record + Sync>(database: &Database, record: &R) {
    let outcome = try_store(database, record).await;
    assert!(matches!(outcome, Err(StoreError::Conflict(_))), "{outcome:?}");
}

async fn an_id_is_given_once(database: &Database) {
    store(database, &[customer("cust_1")]).await;
    assert_conflict(database, &Customer { external_id: "free".into(), ..customer("cust_1") }).await;
}

async fn an_external_id_belongs_to_one_published_customer(database: &Database) {
    let named = |id: &str, external_id: &str| Customer { external_id: external_id.into(), ..customer(id) };
    let mut gone = named("cust_0", "name");
    gone.audit.status = Status::Deleted;
    // A deleted one has given it back; no name is no name.
    store(database, &[gone, named("cust_1", "name"), named("cust_2", ""), named("cust_3", "")]).await;
    assert_conflict(database, &named("cust_4", "name")).await;
    // Case matters; other scopes have names of their own.
    store(database, &[named("cust_5", "Name")]).await;
    for neighbour in neighbours() {
        store(database, &[Customer { external_id: "name".into(), ..customer_in(&neighbour, "cust_1") }]).await;
    }
}

async fn a_lookup_key_belongs_to_one_published_plan(database: &Database) {
    let mut archived = plan("plan_0", "key");
    archived.audit.status = Status::Archived;
    store(database, &[archived, plan("plan_1", "key"), plan("plan_2", ""), plan("plan_3", "")]).await;
    assert_conflict(database, &plan("plan_4", "key")).await;
}

async fn a_period_is_billed_once_for_each_reason(database: &Database) {
    let monthly = |id: &str, month: i64| Invoice {
        subscription_id: Some("subs_1".into()),
        period_start: Some(at(month)),
        period_end: Some(at(month + 1)),
        ..invoice(id)
    };
    let voided = Invoice { invoice_status: InvoiceStatus::Voided, ..monthly("inv_0", 1) };
    store(database, &[voided, monthly("inv_1", 1), monthly("inv_2", 2)]).await;
    assert_conflict(database, &monthly("inv_3", 1)).await;
    let other_reason = Invoice { billing_reason: domain::invoice::BillingReason::SubscriptionCreate, ..monthly("inv_4", 1) };
    store(database, &[other_reason]).await;
}

async fn an_invoice_number_is_given_once(database: &Database) {
    let numbered = |id: &str, number: &str| Invoice { invoice_number: number.into(), ..invoice(id) };
    store(database, &[numbered("inv_1", "INV-1"), numbered("inv_2", ""), numbered("inv_3", "")]).await;
    assert_conflict(database, &numbered("inv_4", "INV-1")).await;
}

async fn an_update_into_a_taken_name_is_a_conflict(database: &Database) {
    store(database, &[plan("plan_1", "a"), plan("plan_2", "b")]).await;
    let mut work = begin(database).await;
    let outcome = storage::update(&mut work, &plan("plan_2", "a")).await;
    assert!(matches!(outcome, Err(StoreError::Conflict(_))), "{outcome:?}");
    drop(work);
    assert_eq!(seen(database, "plan_2").await, Some(plan("plan_2", "b")));
}

async fn what_exists_is_not_written_again_and_spoils_nothing(database: &Database) {
    let mut work = begin(database).await;
    assert!(storage::insert_if_absent(&mut work, &plan("plan_1", "key")).await.expect("written"));
    assert!(!storage::insert_if_absent(&mut work, &plan("plan_2", "key")).await.expect("left out, its key is taken"));
    assert!(!storage::insert_if_absent(&mut work, &plan("plan_1", "other")).await.expect("left out, its id is taken"));
    assert!(storage::insert_if_absent(&mut work, &plan("plan_3", "third")).await.expect("written"));
    work.commit().await.expect("committed");
    let plans: Vec<Plan> = storage::find_all(&mut database.clone(), &crate::fixtures::scope(), &[]).await.expect("read");
    assert_eq!(plans, [plan("plan_1", "key"), plan("plan_3", "third")]);
}

async fn of_two_concurrent_writers_one_gets_the_name(database: &Database) {
    let writers = ["plan_1", "plan_2"].map(|id| {
        let database = database.clone();
        tokio::spawn(async move { try_store(&database, &plan(id, "key")).await })
    });
    let mut won = 0;
    for writer in writers {
        match writer.await.expect("joined") {
            Ok(()) => won += 1,
            Err(error) => assert!(matches!(error, StoreError::Conflict(_)), "{error}"),
        }
    }
    assert_eq!(won, 1);
    let plans: Vec<Plan> = storage::find_all(&mut database.clone(), &crate::fixtures::scope(), &[]).await.expect("read");
    assert_eq!(plans.len(), 1);
}
