//! Another process holds the database's write lock: changes are refused in time and asked to come again, reads and events go on,
//! and when the lock ends everything works again without a restart.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::books::{Month, assert_every_path, assert_usage};
use super::client::{Client, SANDBOX};
use super::sent::{CUSTOMERS, Sent, bulk};
use super::serving::Serving;
use super::shop;
use crate::support::{Place, assert_has};

const LOCK_TIMEOUT: &str = "1s";
/// The timeout, and as much again for a loaded machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
const RECOVERY: Duration = Duration::from_secs(10);

const JUNE: Month = Month { name: "2024-06", start: "2024-06-01T00:00:00Z", end: "2024-07-01T00:00:00Z" };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_database_refuses_changes_and_recovers() {
    let place = Place::new().env("FLEXPRICE_DATA_LOCK_TIMEOUT", LOCK_TIMEOUT);
    let server = Serving::start(&place);
    let client = Client::new(&server.url);
    let contracts = shop::open(&client, CUSTOMERS, JUNE.start).await;
    let mut accepted: BTreeSet<u32> = (0..50).collect();
    client.post("/v1/events/bulk", bulk(&(0..50).map(Sent::new).collect::<Vec<_>>(), JUNE.name)).await;
    let customers_before = client.get("/v1/customers").await["pagination"]["total"].clone();

    let other = rusqlite::Connection::open(place.path().join("data/flexprice.db")).expect("the database opens");
    other.execute_batch("BEGIN EXCLUSIVE").expect("the lock is free");

    changes_are_refused(&client, &contracts[0].subscription_id).await;
    let ready = client.readiness().await;
    assert_eq!((ready.status.as_u16(), ready.retry_after.as_deref()), (503, Some("1")), "{ready:?}");
    assert!(ready.body["failing"]["database"].is_string() && ready.body["failing"]["event_store"].is_null(), "{ready:?}");
    // Events have a store of their own.
    client.post("/v1/events/bulk", bulk(&(50..120).map(Sent::new).collect::<Vec<_>>(), JUNE.name)).await;
    accepted.extend(50..120);
    client.post("/v1/events", Sent::new(120).to_json(JUNE.name)).await;
    accepted.insert(120);
    assert_every_path(&client, &contracts, JUNE, &accepted).await;
    assert_eq!(client.get("/v1/customers").await["pagination"]["total"], customers_before, "nothing was changed");
    assert_eq!(client.get("/health").await["status"], "ok");

    other.execute_batch("ROLLBACK").expect("the lock is given back");
    client.until_accepted("/v1/customers", &json!({ "external_id": "late", "name": "Late" }), RECOVERY).await;
    assert!(client.readiness().await.status.is_success());
    client.try_advance("2024-06-15T00:00:00Z").await.expect("the server answers").accepted("advance");
    assert_usage(&client, &contracts, JUNE, &accepted).await;
    server.stop();
}

/// Several at a time: one waits for the lock, the others for the one.
async fn changes_are_refused(client: &Client, subscription_id: &str) {
    let advance = format!("/v1/environments/{SANDBOX}/clock/advance");
    let cancel = format!("/v1/subscriptions/{subscription_id}/cancel");
    let changes = [
        (Method::POST, "/v1/customers", json!({ "external_id": "early", "name": "Early" })),
        (Method::POST, "/v1/customers", json!({ "external_id": "other", "name": "Other" })),
        (Method::POST, "/v1/plans", json!({ "name": "Other", "lookup_key": "other" })),
        (Method::POST, cancel.as_str(), json!({ "cancellation_type": "immediate" })),
        (Method::POST, advance.as_str(), json!({ "to": JUNE.end })),
    ];
    let refused = changes.map(|(method, path, body)| {
        let (client, path) = (client.clone(), path.to_owned());
        tokio::spawn(async move {
            let asked = Instant::now();
            let answer = client.send(method, &path, Some(&body)).await.expect("the server answers");
            assert!(asked.elapsed() < ANSWERED_WITHIN, "{path} took {:?}", asked.elapsed());
            answer.assert_try_again();
        })
    });
    for change in refused {
        change.await.expect("refused in time");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_waits_for_a_lock_that_ends_in_time() {
    let place = Place::new();
    let server = Serving::start(&place);
    let client = Client::new(&server.url);
    let other = rusqlite::Connection::open(place.path().join("data/flexprice.db")).expect("the database opens");
    other.execute_batch("BEGIN EXCLUSIVE").expect("the lock is free");
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.post("/v1/customers", json!({ "external_id": "patient", "name": "Patient" })).await }
    });
    // Any time below the limit of five seconds will do; in it the change must not get through.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished(), "the change did not wait");
    other.execute_batch("ROLLBACK").expect("the lock is given back");
    assert_eq!(waiting.await.expect("accepted")["external_id"], "patient");
    server.stop();
}

#[test]
fn a_limit_that_leaves_no_time_is_refused() {
    let ran = Place::new().env("FLEXPRICE_DATA_LOCK_TIMEOUT", "0s").run(&["serve", "--address", "127.0.0.1:0"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert_has(&ran.err, &["data.lock_timeout"]);
}
