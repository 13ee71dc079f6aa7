//! What subscriptions and customers may use, and what they have used (spec 20 §§9.2 to 9.5).

use serde_json::{Value, json};
use testkit::{TestApp, event, usage_price};

use super::{entitle, limit};

#[tokio::test]
async fn what_a_subscription_may_use_names_its_sources() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    let (_, plan, meter) = (client.customer("acme").await, client.plan("basic").await, client.counted("api").await);
    client.price(usage_price(&plan, &meter, json!({}))).await;
    let of_plan = entitle(&client, limit(&plan, &meter, json!({"usage_limit": 500, "usage_reset_period": "MONTHLY"}))).await;
    let agreed = json!({"override_entitlements": [{"entitlement_id": of_plan, "usage_limit": 50}]});
    let own = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", agreed).await;
    let plain = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    let may_use = async |subscription: &Value| {
        client.get(&format!("/v1/subscriptions/{}/entitlements", subscription["id"].as_str().unwrap())).await.ok()["features"].clone()
    };
    let (own_features, plain_features) = (may_use(&own).await, may_use(&plain).await);
    assert_eq!((&own_features[0]["entitlement"]["usage_limit"], own_features.as_array().unwrap().len()), (&json!(50), 1));
    assert_eq!(own_features[0]["sources"][0]["entity_type"], "subscription");
    let source = &plain_features[0]["sources"][0];
    assert_eq!((&source["entity_name"], &source["entitlement_id"], &source["quantity"]), (&json!("basic"), &json!(of_plan), &json!(1)));
    // Over both contracts of the customer limits add up, and each source names its own.
    let customer = client.get("/v1/customers/external/acme/entitlements").await.ok();
    assert_eq!(customer["features"][0]["entitlement"]["usage_limit"], 550);
    let through: Vec<&Value> =
        customer["features"][0]["sources"].as_array().unwrap().iter().map(|source| &source["subscription_id"]).collect();
    assert_eq!(through, [&own["id"], &plain["id"]]);
    let one =
        format!("/v1/customers/{}/entitlements?subscription_ids={}", own["customer_id"].as_str().unwrap(), own["id"].as_str().unwrap());
    assert_eq!(client.get(&one).await.ok()["features"][0]["entitlement"]["usage_limit"], 50);
    assert_eq!(client.get(&format!("{one}&feature_ids=feat_other")).await.ok()["features"], json!([]));
    let expanded = json!({"subscription_ids": [own["id"]], "expand": "entitlements"});
    let expanded = client.post("/v1/subscriptions/search", &expanded).await.ok();
    assert_eq!(expanded["items"][0]["entitlements"], own_features);
    // An archived limit is gone at once; the override stands on its own.
    client.delete(&format!("/v1/entitlements/{of_plan}")).await.ok();
    assert_eq!(may_use(&plain).await, json!([]));
    assert_eq!(may_use(&own).await[0]["entitlement"]["usage_limit"], 50);
    for path in ["/v1/subscriptions/subs_unknown/entitlements", "/v1/customers/cust_unknown/entitlements"] {
        client.get(path).await.not_found();
    }
}

#[tokio::test]
async fn what_is_agreed_on_must_fit_the_plan() {
    let app = TestApp::start().await;
    let client = app.client();
    let (_, plan, meter) = (client.customer("acme").await, client.plan("basic").await, client.counted("api").await);
    client.price(usage_price(&plan, &meter, json!({}))).await;
    let id = entitle(&client, limit(&plan, &meter, json!({"usage_limit": 5}))).await;
    let elsewhere = client.plan("other").await;
    let elsewhere = entitle(&client, limit(&elsewhere, &meter, json!({"usage_limit": 5}))).await;
    let body = |with: Value| {
        let mut body = json!({"external_customer_id": "acme", "plan_id": plan, "currency": "usd", "billing_period": "MONTHLY"});
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        body
    };
    let twice = json!({"override_entitlements": [{"entitlement_id": id}, {"entitlement_id": id}]});
    client.post("/v1/subscriptions", &body(twice)).await.invalid();
    let prorated = json!({"override_entitlements": [{"entitlement_id": id}], "proration_behavior": "create_prorations"});
    client.post("/v1/subscriptions", &body(prorated)).await.invalid();
    let text = json!({"override_entitlements": [{"entitlement_id": id, "static_value": "gold"}]});
    client.post("/v1/subscriptions", &body(text)).await.invalid();
    let foreign = json!({"override_entitlements": [{"entitlement_id": elsewhere}]});
    client.post("/v1/subscriptions", &body(foreign)).await.not_found();
    assert_eq!(client.post("/v1/subscriptions/search", &json!({})).await.ok()["pagination"]["total"], 0);
}

/// Spec 20 §9.5: 375 of 1500 is a quarter.
#[tokio::test]
async fn the_usage_summary_tells_what_was_used_of_each_limit() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    let zone = json!({"timezone": "America/New_York"});
    let (customer, plan) = (client.customer_with("acme", zone).await, client.plan("basic").await);
    let (tokens, daily, unpriced) = (
        client.metered("tokens", json!({"type": "SUM", "field": "n"}), json!([])).await,
        client.counted("daily").await,
        client.counted("other").await,
    );
    client.price(usage_price(&plan, &tokens, json!({}))).await;
    entitle(&client, limit(&plan, &tokens, json!({"usage_limit": 1500}))).await;
    entitle(&client, limit(&plan, &daily, json!({"usage_limit": 4, "usage_reset_period": "DAILY"}))).await;
    entitle(&client, limit(&plan, &unpriced, json!({"usage_limit": 0}))).await;
    client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    client
        .send_events(&[
            event("a", "tokens", "acme", "2025-01-02T00:00:00Z", json!({"n": 375})),
            // Of the same local day, and of the one before.
            event("b", "daily", "acme", "2025-01-10T06:00:00Z", json!({})),
            event("c", "daily", "acme", "2025-01-10T04:00:00Z", json!({})),
            event("d", "other", "acme", "2025-01-03T00:00:00Z", json!({})),
        ])
        .await;
    client.set_clock("2025-01-11T03:00:00Z").await;
    let summary = client.get(&format!("/v1/customers/usage?customer_id={customer}")).await.ok();
    let of = |meter: &testkit::Metered| {
        let features = summary["features"].as_array().unwrap();
        let feature = features.iter().find(|feature| feature["feature"]["id"] == *meter.feature_id).unwrap();
        let fields = ["total_limit", "current_usage", "usage_percent", "is_unlimited", "next_usage_reset_at"];
        Value::Array(fields.iter().map(|field| feature[*field].clone()).collect())
    };
    assert_eq!(of(&tokens), json!([1500, "375", "0.25", false, null]));
    assert_eq!(of(&daily), json!([4, "1", "0.25", false, "2025-01-11T05:00:00Z"]));
    assert_eq!(of(&unpriced), json!([0, "1", "100", false, null]), "also without a priced line");
    assert_eq!(summary["period"]["start_time"], "2025-01-01T00:00:00Z");
    assert_eq!(client.get(&format!("/v1/customers/{customer}/usage")).await.ok(), summary);
    assert_eq!(client.get("/v1/customers/usage?customer_lookup_key=acme").await.ok(), summary);
    let count = async |query: &str| {
        client.get(&format!("/v1/customers/usage?customer_lookup_key=acme&{query}")).await.ok()["features"].as_array().unwrap().len()
    };
    let one = client.get(&format!("/v1/features/{}", daily.feature_id)).await.ok()["lookup_key"].as_str().unwrap().to_owned();
    assert_eq!(count(&format!("feature_lookup_keys={one}")).await, 1);
    assert_eq!(count(&format!("feature_lookup_keys={one}&feature_ids={}", tokens.feature_id)).await, 2);
    // Spec 20 §15 no. 9.
    assert_eq!(count("feature_lookup_keys=unknown").await, 0);
    client.customer("other").await;
    client.get("/v1/customers/usage").await.invalid();
    client.get(&format!("/v1/customers/usage?customer_id={customer}&customer_lookup_key=other")).await.invalid();
    client.get("/v1/customers/usage?customer_id=cust_unknown").await.not_found();
}

/// Buckets use a limit up over the whole period (spec 20 §15 no. 16), so the summary counts over it too: 40 of one day, 30 of the next.
#[tokio::test]
async fn the_summary_counts_what_the_invoice_deducts_of_buckets_as_well() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    let (customer, plan) = (client.customer("acme").await, client.plan("basic").await);
    let meter = client.metered("tokens", json!({"type": "SUM", "field": "n", "bucket_size": "HOUR"}), json!([])).await;
    client.price(usage_price(&plan, &meter, json!({}))).await;
    entitle(&client, limit(&plan, &meter, json!({"usage_limit": 50, "usage_reset_period": "DAILY"}))).await;
    let subscription = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    let send = |id: &str, at: &str, units: i64| event(id, "tokens", "acme", at, json!({"n": units}));
    client.send_events(&[send("a", "2025-01-02T10:00:00Z", 40), send("b", "2025-01-03T10:00:00Z", 30)]).await;
    client.set_clock("2025-01-03T12:00:00Z").await;
    let preview = client.post("/v1/invoices/preview", &json!({"subscription_id": subscription["id"]})).await.ok();
    let line = &preview["line_items"][0];
    assert_eq!((&line["quantity"], &line["adjusted_entitlement_quantity"]), (&json!("20"), &json!("50")));
    let summary = client.get(&format!("/v1/customers/usage?customer_id={customer}")).await.ok();
    let feature = &summary["features"][0];
    assert_eq!((&feature["current_usage"], &feature["next_usage_reset_at"]), (&json!("70"), &Value::Null));
}
