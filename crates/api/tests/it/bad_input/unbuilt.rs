//! Fields of the published API that are not built: refused, so that no invoice is silently wrong.

use serde_json::{Value, json};
use testkit::{TestApp, fixed_price};

use crate::refusals::{assert_refused, post};

fn of_customers() -> Vec<(&'static str, Value)> {
    vec![
        ("tax_rate_overrides", json!([{"a": 1}])),
        ("integration_entity_mapping", json!([{"a": 1}])),
        ("contact_persons", json!([{"a": 1}])),
        ("billing_currency", json!("usd")),
        ("tax_treatment", json!("exempt")),
        ("onboarding_workflow_name", json!("welcome")),
    ]
}

fn of_prices() -> Vec<(&'static str, Value)> {
    vec![
        ("price_unit_type", json!("CUSTOM")),
        ("trial_period_days", json!(7)),
        ("price_unit_config", json!({"a": 1})),
        ("bucket_size", json!("HOUR")),
        ("entity_type", json!("ADDON")),
        ("filter_values", json!({"region": ["eu"]})),
    ]
}

fn of_subscriptions() -> Vec<(&'static str, Value)> {
    let lists = [
        "fx_rates",
        "addons",
        "credit_grants",
        "line_items",
        "override_line_items",
        "phases",
        "subscription_coupons",
        "tax_rate_overrides",
    ];
    let objects = ["checkout", "inheritance", "line_item_commitments", "line_item_coupons"];
    let mut fields = vec![
        ("trial_period_days", json!(7)),
        ("subscription_status", json!("draft")),
        ("commitment_amount", json!("1")),
        ("auto_invoice_threshold", json!("1")),
        ("gateway_payment_method_id", json!("pm_1")),
        ("include_price_ids", json!(["price_1"])),
        ("line_item_grouping", json!("by_price")),
        ("coupons", json!(["coupon_1"])),
        ("timezone", json!("Europe/Berlin")),
    ];
    fields.extend(lists.map(|field| (field, json!([{"a": 1}]))));
    fields.extend(objects.map(|field| (field, json!({"a": 1}))));
    fields
}

#[tokio::test]
async fn fields_that_are_not_built_are_refused_rather_than_ignored() {
    let app = TestApp::start().await;
    let client = app.client();
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    client.price(fixed_price(&plan, "10", "ADVANCE", json!({}))).await;
    let with = |body: &Value, field: &str, value: Value| {
        let mut body = body.clone();
        body[field] = value;
        body
    };
    let customer = json!({"external_id": "c", "name": "c"});
    let price = fixed_price(&plan, "1", "ARREAR", json!({}));
    let contract = json!({"external_customer_id": "acme", "plan_id": plan, "currency": "usd", "billing_period": "MONTHLY"});
    let mut table = Vec::new();
    for (path, body, fields) in [
        ("/v1/customers", &customer, of_customers()),
        ("/v1/prices", &price, of_prices()),
        ("/v1/subscriptions", &contract, of_subscriptions()),
    ] {
        let refused = |(field, value)| post("not built", path, &with(body, field, value)).with(501, "not_implemented");
        table.extend(fields.into_iter().map(refused));
    }
    for field in ["commitment_amount", "auto_invoice_threshold"] {
        table.push(post("negative", "/v1/subscriptions", &with(&contract, field, json!("-1"))));
    }
    assert_refused(&client, table).await;
}

#[tokio::test]
async fn all_that_is_not_built_is_named_at_once() {
    let app = TestApp::start().await;
    let body = json!({"external_id": "c", "name": "c", "billing_currency": "usd", "tax_treatment": "exempt"});
    let refused = app.client().post("/v1/customers", &body).await.refused(501, "not_implemented");
    assert_eq!(refused["message"], "billing_currency, tax_treatment are not supported yet: leave them out");
    assert_eq!(refused["details"]["field"], "billing_currency");
}

/// What clients of the published API always send, and what says nothing.
#[tokio::test]
async fn fields_that_are_not_built_pass_where_they_say_nothing() {
    let app = TestApp::start().await;
    let client = app.client();
    let customer = json!({
        "external_id": "acme", "name": "Acme", "skip_onboarding_workflow": true, "onboarding_workflow_name": "", "contact_persons": [],
        "tax_rate_overrides": null, "integration_entity_mapping": [], "billing_currency": "", "tax_treatment": null,
    });
    client.post("/v1/customers", &customer).await.expect(201);
    let plan = client.plan("basic").await;
    let empty =
        json!({"trial_period_days": 0, "price_unit_type": "FIAT", "price_unit_config": null, "bucket_size": "", "filter_values": {}});
    client.price(fixed_price(&plan, "10", "ADVANCE", empty)).await;
    let terms = json!({
        "trial_period_days": 0, "subscription_status": "active", "commitment_amount": "0", "commitment_duration": "MONTHLY",
        "enable_true_up": false, "overage_factor": "1", "timezone": "", "coupons": [], "phases": [], "checkout": null, "inheritance": {},
    });
    client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", terms).await;
}
