//! Subscriptions, cancellations, previews and clocks that break a rule (spec 30 §§2, 9).

use http::Method;
use serde_json::{Value, json};
use testkit::{SANDBOX, TestApp, fixed_price};

use crate::refusals::{assert_refused, post};

const PRODUCTION: &str = "00000000-0000-0000-0000-000000000001";

#[tokio::test]
async fn contracts_that_contradict_themselves_are_refused() {
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    client.price(fixed_price(&plan, "10", "ADVANCE", json!({}))).await;
    let empty = client.plan("empty").await;
    let case = |why, with: Value| {
        let mut body = json!({
            "external_customer_id": "acme", "plan_id": plan, "currency": "usd", "billing_period": "MONTHLY",
            "start_date": "2025-01-01T00:00:00Z",
        });
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        post(why, "/v1/subscriptions", &body)
    };
    let unknown = |with: Value| case("unknown", with).with(404, "not_found");
    let table = vec![
        case("no customer", json!({"external_customer_id": ""})),
        unknown(json!({"external_customer_id": "nobody"})),
        unknown(json!({"customer_id": "cust_none"})),
        unknown(json!({"plan_id": "plan_none"})),
        case("two letters", json!({"currency": "us"})),
        case("no currency", json!({"currency": ""})),
        case("another currency than the plan's", json!({"currency": "eur"})),
        case("a plan without prices", json!({"plan_id": empty})),
        case("no price of that period", json!({"billing_period": "ANNUAL"})),
        case("no period", json!({"billing_period": null})),
        case("once", json!({"billing_period": "ONETIME"})),
        case("a negative count", json!({"billing_period_count": -1})),
        case("an anchor with calendar billing", json!({"billing_cycle": "calendar", "billing_anchor": "2025-01-15T00:00:00Z"})),
        case("the end before the start", json!({"end_date": "2024-12-31T00:00:00Z"})),
        case("no zone", json!({"start_date": "2025-01-01T00:00:00"})),
        case("an empty date", json!({"start_date": ""})),
        case("seconds since 1970", json!({"start_date": 1_735_689_600})),
        case("a start before 1970", json!({"start_date": "0001-01-01T00:00:00Z"})),
        case("more than 240 periods back", json!({"start_date": "2000-01-01T00:00:00Z"})),
        case("a period beyond 9999", json!({"start_date": "9999-12-15T00:00:00Z"})),
        case("a period of a hundred thousand months", json!({"billing_period_count": 100_000})),
        case("prorations of the past", json!({"proration_behavior": "create_prorations", "start_date": "2024-12-31T00:00:00Z"})),
        case("sent and paid later", json!({"collection_method": "send_invoice", "payment_behavior": "allow_incomplete"})),
        case("unknown collection", json!({"collection_method": "by_pigeon"})),
        case("unknown terms", json!({"payment_terms": "7 NET"})),
        case("unpaid", json!({"payment_behavior": "error_if_incomplete"})).with(400, "invalid_operation"),
    ];
    assert_refused(&client, table).await;
}

#[tokio::test]
async fn cancellations_that_contradict_themselves_are_refused() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-10T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    client.price(fixed_price(&plan, "10", "ARREAR", json!({}))).await;
    let made = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    let path = format!("/v1/subscriptions/{}/cancel", made["id"].as_str().unwrap());
    let case = |why, body: Value| post(why, &path, &body);
    let table = vec![
        case("no type", json!({})),
        case("an unknown type", json!({"cancellation_type": "eventually"})),
        case("no date", json!({"cancellation_type": "scheduled_date"})),
        case("a date without zone", json!({"cancellation_type": "scheduled_date", "cancel_at": "2025-01-20T00:00:00"})),
        case("at once in the future", json!({"cancellation_type": "immediate", "cancel_at": "2025-01-20T00:00:00Z"})),
        case("before the period", json!({"cancellation_type": "immediate", "cancel_at": "2025-01-01T00:00:00Z"})),
        case(
            "two policies",
            json!({
                "cancellation_type": "immediate", "cancel_immediately_inovice_policy": "skip",
                "cancel_immediately_invoice_policy": "generate_invoice",
            }),
        ),
    ];
    assert_refused(&client, table).await;
    client.post(&path, &json!({"cancellation_type": "end_of_period"})).await.expect(200);
    let scheduled = json!({"cancellation_type": "scheduled_date", "cancel_at": "2025-01-20T00:00:00Z"});
    let second = vec![case("scheduled already", json!({"cancellation_type": "end_of_period"})), case("scheduled already", scheduled)];
    assert_refused(&client, second).await;
    client.post(&path, &json!({"cancellation_type": "immediate"})).await.expect(200);
    assert_refused(&client, vec![case("cancelled already", json!({"cancellation_type": "immediate"}))]).await;
}

#[tokio::test]
async fn a_clock_belongs_to_a_sandbox_and_does_not_run_backwards() {
    let app = TestApp::start().await;
    let client = app.client();
    let clock = |environment: &str| format!("/v1/environments/{environment}/clock");
    let advance = |environment: &str, to: &str| post("advance", &format!("{}/advance", clock(environment)), &json!({ "to": to }));
    let set = |environment: &str, body: Value| post("set", &clock(environment), &body).by(Method::PUT);
    let to = "2025-02-01T00:00:00Z";
    let table = vec![
        advance(SANDBOX, to).with(400, "invalid_operation"),
        advance(PRODUCTION, to).with(409, "version_conflict"),
        set(PRODUCTION, json!({ "time": to })).with(409, "version_conflict"),
        set(PRODUCTION, json!({})).by(Method::DELETE).with(409, "version_conflict"),
        set(SANDBOX, json!({})),
        set(SANDBOX, json!({"time": "soon"})),
        set("env_none", json!({ "time": to })).with(404, "not_found"),
        set("env_other", json!({ "time": to })).with(404, "not_found"),
    ];
    assert_refused(&client, table).await;
    client.set_clock(to).await;
    assert_refused(&client, vec![advance(SANDBOX, "2025-01-31T23:59:59Z")]).await;
    let state = client.get(&clock(SANDBOX)).await.ok();
    assert_eq!((state["now"].as_str(), state["own"].as_bool()), (Some(to), Some(true)));
}

#[tokio::test]
async fn environments_beyond_the_limit_are_refused() {
    let app = TestApp::start().await;
    let client = app.client();
    let case = |why, body: Value| post(why, "/v1/environments", &body);
    client.post("/v1/environments", &json!({"name": "Second", "type": "development"})).await.expect(201);
    let table = vec![
        case("a third sandbox", json!({"name": "Third", "type": "development"})),
        case("an unknown type", json!({"name": "x", "type": "staging"})),
        case("no name", json!({"name": "", "type": "development"})),
    ];
    assert_refused(&client, table).await;
}
