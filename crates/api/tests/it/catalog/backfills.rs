//! Counting past events for a meter that was made after them (spec 10 §§17, 18 no. 26).

use serde_json::{Value, json};
use testkit::{Client, TestApp, event};

use crate::refusals::{assert_refused, post};
use crate::usage::{meter, usage_of_meter};

/// What the ledger holds of a meter on behalf of c1, who has a subscription to it.
async fn ledger(client: &Client, meter: &str, kind: &str) -> Value {
    let body = json!({"external_customer_id": "c1", "meter_id": meter, "start_time": "2020-01-01T00:00:00Z",
        "end_time": "2026-01-01T00:00:00Z", "aggregation_type": kind});
    client.post("/v1/meter-usage/query", &body).await.expect(200)["total_value"].clone()
}

/// Subscribes c1 to a price on the meter, so that the ledger is read for it.
async fn bill(client: &Client, meter: &str) {
    let plan = client.plan(&format!("plan of {meter}")).await;
    let metered = testkit::Metered { feature_id: String::new(), meter_id: meter.to_owned() };
    client.price(testkit::usage_price(&plan, &metered, json!({}))).await;
    client.subscribe("c1", &plan, "2025-01-01T00:00:00Z", json!({})).await;
}

/// Does due work, piece by piece, until none is due; `now` moves so that the next piece falls due.
async fn run_pieces(app: &TestApp) -> usize {
    let mut pieces = 0;
    for _ in 0..50 {
        app.clock.set(&app.clock.now().plus_seconds(1).to_string());
        match app.app.run_all_due(100).await.unwrap() {
            0 => return pieces,
            ran => pieces += ran,
        }
    }
    panic!("work is due for ever");
}

/// No. 26 of spec 10 §18: the ledger has what came after the meter, until the past is counted.
#[tokio::test]
async fn past_events_are_counted_once_a_backfill_ran() {
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("c1").await;
    let at = |id: String, time: &str| event(&id, "api", "c1", &format!("2025-01-05T{time}:00Z"), json!({"n": 2}));
    app.clock.set("2025-01-05T10:00:00Z");
    client.send_events(&(0..5).map(|n| at(format!("before{n}"), "10:00")).collect::<Vec<_>>()).await;
    app.clock.set("2025-01-05T10:05:00Z");
    let id = meter(&client, "api", json!({"type": "COUNT"}), json!({})).await;
    bill(&client, &id).await;
    app.clock.set("2025-01-05T10:20:00Z");
    client.send_events(&[at("after0".into(), "10:20"), at("after1".into(), "10:20")]).await;
    assert_eq!(ledger(&client, &id, "COUNT").await, "2");
    let day = ("2025-01-05T00:00:00Z", "2025-01-06T00:00:00Z");
    assert_eq!(usage_of_meter(&client, &id, day.0, day.1, json!({})).await["value"], 7);

    let path = format!("/v1/meters/{id}/backfill");
    client.get(&path).await.not_found();
    let started = client.post(&path, &json!({})).await.expect(202);
    assert_eq!((&started["status"], &started["meter_id"], &started["events_read"]), (&json!("RUNNING"), &json!(id), &json!(0)));
    client.post(&path, &json!({})).await.refused(409, "already_exists");
    assert_eq!(client.get(&path).await.expect(200)["status"], "RUNNING");
    assert_eq!(ledger(&client, &id, "COUNT").await, "2", "it has not run yet");
    run_pieces(&app).await;
    let done = client.get(&path).await.expect(200);
    assert_eq!((&done["status"], &done["events_read"], &done["entries_added"]), (&json!("COMPLETED"), &json!(7), &json!(5)));
    assert_eq!((&done["id"], &done["events_failed"], &done["cursor_time"]), (&started["id"], &json!(0), &json!("2025-01-05T10:20:00Z")));
    assert_eq!(ledger(&client, &id, "COUNT").await, "7");

    // A second run finds nothing to add, and copies that arrive later add nothing either.
    client.post(&path, &json!({"start_time": null})).await.expect(202);
    run_pieces(&app).await;
    let again = client.get(&path).await.expect(200);
    assert_eq!((&again["status"], &again["events_read"], &again["entries_added"]), (&json!("COMPLETED"), &json!(7), &json!(0)));
    assert_ne!(again["id"], done["id"]);
    client.send_events(&[at("before0".into(), "10:00")]).await;
    assert_eq!(ledger(&client, &id, "COUNT").await, "7");
}

/// The rest of no. 26 of spec 10 §18: an event that came before its meter and is sent again is the event that is known, so the copy says
/// what to do, and a backfill counts it, once.
#[tokio::test]
async fn an_event_that_is_sent_again_after_its_meter_was_made_is_counted_by_a_backfill() {
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("c1").await;
    let sent = event("e1", "api", "c1", "2025-01-05T10:00:00Z", json!({}));
    app.clock.set("2025-01-05T10:00:00Z");
    client.send_events(std::slice::from_ref(&sent)).await;
    let id = meter(&client, "api", json!({"type": "COUNT"}), json!({})).await;
    bill(&client, &id).await;
    app.clock.set("2025-01-05T10:20:00Z");
    assert_eq!(client.post("/v1/events/bulk", &json!({ "events": [sent] })).await.expect(202)["new"], "0");
    let found = client.get("/v1/events/lookup?id=e1").await.expect(200);
    assert!(found["meters"][0]["reason"].as_str().unwrap().contains("backfill"), "{found}");
    client.post(&format!("/v1/meters/{id}/backfill"), &json!({})).await.expect(202);
    run_pieces(&app).await;
    client.send_events(&[sent]).await;
    assert_eq!(ledger(&client, &id, "COUNT").await, "1");
    assert_eq!(client.get("/v1/events/lookup?id=e1").await.expect(200)["meters"][0]["counted"], true);
}

/// More events than one piece reads; work that is done twice, as after a crash, adds nothing.
#[tokio::test]
async fn a_long_past_is_counted_in_pieces_that_may_be_repeated() {
    const EVENTS: usize = 60_000;
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("c1").await;
    app.clock.set("2025-01-05T10:00:00Z");
    let events: Vec<Value> = (0..EVENTS)
        .map(|n| {
            event(&format!("e{n}"), "api", "c1", &format!("2025-01-0{}T{:02}:{:02}:00Z", 1 + n % 4, n % 24, n % 60), json!({"n": n % 3}))
        })
        .collect();
    client.send_events(&events).await;
    let id = meter(&client, "api", json!({"type": "SUM", "field": "n"}), json!({"filters": [{"key": "n", "values": ["1", "2"]}]})).await;
    bill(&client, &id).await;
    let path = format!("/v1/meters/{id}/backfill");
    client.post(&path, &json!({})).await.expect(202);
    assert_eq!(app.app.run_all_due(1).await.unwrap(), 1);
    let part = client.get(&path).await.expect(200);
    assert_eq!((&part["status"], &part["events_read"]), (&json!("RUNNING"), &json!(50_000)));
    let work = app.app.due_page(&[app::due_work::Kind::BackfillMeter], "2026-01-01T00:00:00Z".parse().unwrap(), None, 10).await.unwrap();
    assert_eq!(work.len(), 1);
    // The same piece on two workers at once: one is ahead, the other steps back.
    let (one, two) = tokio::join!(app.app.run_due_work(&work[0]), app.app.run_due_work(&work[0]));
    one.unwrap();
    two.unwrap();
    app.app.run_due_work(&work[0]).await.unwrap();
    let done = client.get(&path).await.expect(200);
    assert_eq!((&done["status"], &done["events_read"], &done["entries_added"]), (&json!("COMPLETED"), &json!(EVENTS), &json!(40_000)));
    assert_eq!(ledger(&client, &id, "SUM").await, "60000");
    assert_eq!(run_pieces(&app).await, 0, "nothing is left to do");
}

#[tokio::test]
async fn a_backfill_keeps_to_its_time_and_tells_what_it_could_not_measure() {
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("c1").await;
    app.clock.set("2025-01-05T10:00:00Z");
    let at = |id: &str, day: u8, n: Value| event(id, "api", "c1", &format!("2025-01-{day:02}T00:00:00Z"), json!({ "n": n }));
    client.send_events(&[at("early", 1, json!(1)), at("in", 2, json!(10)), at("huge", 2, json!("1e30")), at("late", 3, json!(100))]).await;
    let id = meter(&client, "api", json!({"type": "SUM", "field": "n"}), json!({})).await;
    bill(&client, &id).await;
    let path = format!("/v1/meters/{id}/backfill");
    client.post(&path, &json!({"start_time": "2025-01-02T00:00:00Z", "end_time": "2025-01-03T00:00:00Z"})).await.expect(202);
    run_pieces(&app).await;
    let done = client.get(&path).await.expect(200);
    assert_eq!((&done["events_read"], &done["entries_added"], &done["events_failed"]), (&json!(2), &json!(1), &json!(1)));
    assert!(done["last_failure"].as_str().unwrap().contains("huge"), "{done}");
    assert_eq!(ledger(&client, &id, "SUM").await, "10");
    client.post(&path, &json!({})).await.expect(202);
    client.post(&format!("/v1/meters/{id}/disable"), &json!({})).await.expect(200);
    run_pieces(&app).await;
    let given_up = client.get(&path).await.expect(200);
    assert_eq!((&given_up["status"], &given_up["events_read"]), (&json!("FAILED"), &json!(0)));
    client.post(&path, &json!({})).await.refused(400, "invalid_operation");
    let table = vec![post("end before start", &path, &json!({"start_time": "2025-01-03T00:00:00Z", "end_time": "2025-01-02T00:00:00Z"}))];
    assert_refused(&client, table).await;
    client.post("/v1/meters/meter_x/backfill", &json!({})).await.not_found();
    client.get("/v1/meters/meter_x/backfill").await.not_found();
}

#[tokio::test]
async fn a_repeated_request_starts_one_backfill() {
    let app = TestApp::start().await;
    let client = app.client();
    let id = meter(&client, "api", json!({"type": "COUNT"}), json!({})).await;
    let path = format!("/v1/meters/{id}/backfill");
    let with_key = client.with("idempotency-key", "k1");
    let first = with_key.post(&path, &json!({})).await.expect(202);
    assert_eq!(with_key.post(&path, &json!({})).await.expect(202), first);
}
