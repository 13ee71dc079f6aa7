//! Settings (spec 60 §§9, 21 no. 12 and 18): defaults, choices key by key, rules, and what they do.

use serde_json::{Value, json};
use testkit::{Client, SANDBOX, TestApp, fixed_price};

const PRODUCTION: &str = "00000000-0000-0000-0000-000000000001";

async fn choose(client: &Client, key: &str, value: Value) -> Value {
    client.put(&format!("/v1/settings/{key}"), &json!({ "value": value })).await.expect(200)
}

#[tokio::test]
async fn a_setting_shows_its_default_until_keys_are_chosen() {
    let app = TestApp::start().await;
    let client = app.client();
    let default = json!({
        "prefix": "INV", "format": "YYYYMM", "start_sequence": 1, "timezone": "UTC", "separator": "-", "suffix_length": 5,
        "due_date_days": 1, "auto_complete_purchased_credit_transaction": false, "finalization_delay_seconds": 7200,
    });
    let unset = client.get("/v1/settings/invoice_config").await.expect(200);
    assert_eq!((&unset["value"], unset.get("id"), &unset["environment_id"]), (&default, None, &json!(SANDBOX)));
    let chosen = choose(&client, "invoice_config", json!({"prefix": "AC"})).await;
    let mut expected = default.clone();
    expected["prefix"] = "AC".into();
    assert_eq!(chosen["value"], expected);
    assert!(chosen["id"].as_str().unwrap().starts_with("setting_"), "{chosen}");
    // A later choice keeps the earlier ones.
    expected["separator"] = "".into();
    assert_eq!(choose(&client, "invoice_config", json!({"separator": ""})).await["value"], expected);
    assert_eq!(client.get("/v1/settings/invoice_config").await.expect(200)["value"], expected);
    // The other environment has chosen nothing.
    let production = client.with("x-environment-id", PRODUCTION);
    assert_eq!(production.get("/v1/settings/invoice_config").await.expect(200)["value"], default);
    assert_eq!(client.delete("/v1/settings/invoice_config").await.status, 204);
    assert_eq!(client.get("/v1/settings/invoice_config").await.expect(200)["value"], default);
    client.delete("/v1/settings/invoice_config").await.not_found();
}

#[tokio::test]
async fn a_value_that_breaks_a_rule_changes_nothing() {
    let app = TestApp::start().await;
    let client = app.client();
    for wrong in [json!({"suffix_length": 11}), json!({"timezone": "Mars/Olympus"}), json!({"prefx": "AC"}), json!({"due_date_days": "x"})]
    {
        client.put("/v1/settings/invoice_config", &json!({ "value": wrong })).await.invalid();
    }
    client.put("/v1/settings/invoice_config", &json!({})).await.invalid();
    client.put("/v1/settings/invoice_config", &json!({"value": [1]})).await.invalid();
    assert_eq!(client.get("/v1/settings/invoice_config").await.expect(200).get("id"), None);
    let unknown = client.get("/v1/settings/colour").await.invalid();
    assert!(unknown["message"].as_str().unwrap().contains("invoice_config"), "{unknown}");
}

/// A key that nothing reads would be accepted without effect.
#[tokio::test]
async fn keys_without_a_reader_are_not_built() {
    let app = TestApp::start().await;
    let client = app.client();
    for key in ["subscription_config", "customer_portal_config", "saml_config", "event_ingestion_filter"] {
        client.get(&format!("/v1/settings/{key}")).await.refused(501, "not_implemented");
        client.put(&format!("/v1/settings/{key}"), &json!({"value": {}})).await.refused(501, "not_implemented");
        client.delete(&format!("/v1/settings/{key}")).await.refused(501, "not_implemented");
    }
    let credits = json!({"value": {"auto_complete_purchased_credit_transaction": true}});
    client.put("/v1/settings/invoice_config", &credits).await.refused(501, "not_implemented");
}

/// Spec 60 §21 no. 12: two callers who choose different keys at once both have them.
#[tokio::test]
async fn concurrent_choices_lose_nothing() {
    let app = TestApp::start().await;
    let client = app.client();
    let put = |value: Value| {
        let client = client.clone();
        async move { choose(&client, "invoice_config", value).await }
    };
    tokio::join!(
        put(json!({"prefix": "A"})),
        put(json!({"separator": "/"})),
        put(json!({"suffix_length": 3})),
        put(json!({"due_date_days": 14})),
        put(json!({"format": "YYYY"})),
    );
    let value = client.get("/v1/settings/invoice_config").await.expect(200)["value"].clone();
    let found = ["prefix", "separator", "suffix_length", "due_date_days", "format"].map(|key| value[key].clone());
    assert_eq!(found, [json!("A"), json!("/"), json!(3), json!(14), json!("YYYY")]);
}

/// What was chosen holds for the next invoice: its number, when it is due, when it becomes final.
#[tokio::test]
async fn invoices_follow_the_setting_at_once() {
    let app = TestApp::start().await;
    let client = app.client();
    let plan = client.plan("basic").await;
    client.price(fixed_price(&plan, "10", "ADVANCE", json!({}))).await;
    let number = |subscription: &Value| subscription["latest_invoice"]["invoice_number"].as_str().unwrap().to_owned();
    for (customer, chosen, expected) in [
        ("a", json!({}), "INV-202501-00001"),
        ("b", json!({"prefix": "AC", "separator": "/", "suffix_length": 2}), "AC/202501/02"),
        ("c", json!({"format": "YYYYMMDD", "start_sequence": 100, "timezone": "PST"}), "AC/20241231/100"),
    ] {
        choose(&client, "invoice_config", chosen).await;
        client.customer(customer).await;
        let made = client.subscribe(customer, &plan, "2025-01-01T00:00:00Z", json!({})).await;
        assert_eq!(number(&made), expected);
    }
    choose(&client, "invoice_config", json!({"due_date_days": 30})).await;
    client.customer("d").await;
    let due = client.subscribe("d", &plan, "2025-01-01T00:00:00Z", json!({})).await["latest_invoice"]["due_date"].clone();
    assert!(due.as_str().unwrap().starts_with("2025-03-03"), "thirty days from the end of the period: {due}");
}

/// `finalization_delay_seconds` 0: a draft is final as soon as it is computed.
#[tokio::test]
async fn a_draft_waits_as_long_as_the_setting_says() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    let plan = client.plan("basic").await;
    client.price(fixed_price(&plan, "10", "ARREAR", json!({}))).await;
    client.customer("acme").await;
    let subscription = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await["id"].as_str().unwrap().to_owned();
    let status = async |client: &Client| client.invoices(&subscription).await.last().unwrap()["invoice_status"].clone();
    client.advance("2025-02-01T01:00:00Z").await;
    assert_eq!(status(&client).await, "DRAFT");
    choose(&client, "invoice_config", json!({"finalization_delay_seconds": 0})).await;
    client.advance("2025-03-01T01:00:00Z").await;
    assert_eq!(status(&client).await, "FINALIZED");
}

/// Spec 60 §21 no. 18.
#[tokio::test]
async fn environments_are_made_up_to_the_tenant_s_limit() {
    let app = TestApp::start().await;
    let client = app.client();
    let environment = |name: &str, kind: &str| json!({"name": name, "type": kind});
    client.post("/v1/environments", &environment("second", "development")).await.expect(201);
    client.post("/v1/environments", &environment("third", "development")).await.invalid();
    client.post("/v1/environments", &environment("live", "production")).await.invalid();
    let stranger = app.other_tenant();
    stranger.post("/v1/environments", &environment("live", "production")).await.invalid();
    // The tenant's own, whichever environment asks.
    let production = client.with("x-environment-id", PRODUCTION);
    let chosen = choose(&production, "tenant_config", json!({"production": 2, "development": 3})).await;
    assert_eq!(chosen["environment_id"], "");
    client.post("/v1/environments", &environment("third", "development")).await.expect(201);
    client.post("/v1/environments", &environment("fourth", "development")).await.invalid();
    client.post("/v1/environments", &environment("live", "production")).await.expect(201);
    stranger.post("/v1/environments", &environment("live", "production")).await.invalid();
}
