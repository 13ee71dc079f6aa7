//! The examples of the document: one story that calls every operation, as it is written into `crates/api/examples.json` and shown by `/docs`.
//! Whatever an example promises was answered to it; `make docs` writes them anew.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value, json};
use testkit::{Client, SANDBOX, TestApp};

use super::document::Document;
use super::openapi::differences;

const PATH: &str = "examples.json";
/// Answered only while another request is under way.
const WITHOUT: &[&str] = &["cancelEnvironmentClockAdvance"];

/// The calls so far, by operation; the first call of each is its example.
struct Story {
    client: Client,
    document: Document,
    examples: BTreeMap<String, Value>,
}

impl Story {
    /// Calls an operation with what its path and its query need, and with a body where there is one.
    async fn call(&mut self, operation: &str, parameters: &[(&str, &str)], body: Option<Value>) -> Value {
        let operations = self.document.operations();
        let (method, template, _) = operations
            .into_iter()
            .find(|(.., found)| found["operationId"] == operation)
            .unwrap_or_else(|| panic!("no operation {operation}"));
        let (mut path, mut query) = (template.to_owned(), Vec::new());
        for (name, value) in parameters {
            let place = format!("{{{name}}}");
            if path.contains(&place) { path = path.replace(&place, value) } else { query.push(format!("{name}={value}")) }
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let text = body.as_ref().map(Value::to_string).unwrap_or_default();
        let answer = self.client.send(method, &path, text).await.ok();
        let mut example = Map::new();
        example.extend(body.map(|body| ("request".to_owned(), body)));
        if !answer.is_null() {
            example.insert("response".to_owned(), shown(&answer));
        }
        self.examples.entry(operation.to_owned()).or_insert(example.into());
        answer
    }

    async fn post(&mut self, operation: &str, body: Value) -> Value {
        self.call(operation, &[], Some(body)).await
    }

    async fn get(&mut self, operation: &str, id: &str) -> Value {
        self.call(operation, &[("id", id)], None).await
    }
}

/// An answer as the document shows it: a secret is no example, and another one each time.
fn shown(answer: &Value) -> Value {
    match answer {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                let value = match name.as_str() {
                    "api_key" => json!("sk_shown_once"),
                    "display_id" => json!("sk_sh***ce"),
                    _ => shown(value),
                };
                (name.clone(), value)
            };
            Value::Object(members.iter().map(member).collect())
        }
        Value::Array(items) => items.iter().map(shown).collect(),
        other => other.clone(),
    }
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned()
}

fn price(plan: &str, with: Value) -> Value {
    let mut body = json!({
        "entity_type": "PLAN", "entity_id": plan, "currency": "usd", "billing_period": "MONTHLY", "billing_period_count": 1,
        "start_date": "2025-01-01T00:00:00Z",
    });
    body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    body
}

/// Acme buys calls and tokens in January, and gets its invoice in February.
async fn told() -> BTreeMap<String, Value> {
    let app = TestApp::start_counting_ids().await;
    let mut story = Story { client: app.client(), document: Document::new(), examples: BTreeMap::new() };
    story.call("setEnvironmentClock", &[("id", SANDBOX)], Some(json!({"time": "2025-01-01T00:00:00Z"}))).await;
    let plan = catalog(&mut story).await;
    let subscription = customer(&mut story, &plan).await;
    events(&mut story).await;
    usage(&mut story).await;
    invoices(&mut story, &subscription).await;
    platform(&mut story).await;
    endings(&mut story, &plan, &subscription).await;
    story.examples
}

async fn catalog(story: &mut Story) -> String {
    let group = id(&story.post("createGroup", json!({"name": "Usage", "lookup_key": "usage", "entity_type": "price"})).await);
    let meter = json!({
        "name": "Tokens", "event_name": "completion", "reset_usage": "BILLING_PERIOD", "aggregation": {"type": "SUM", "field": "tokens"},
        "filters": [{"key": "model", "values": ["small", "large"]}],
    });
    let tokens = id(&story.post("createMeter", meter).await);
    let feature = json!({"name": "Tokens", "lookup_key": "tokens", "type": "metered", "meter_id": tokens});
    let feature = id(&story.post("createFeature", feature).await);
    let plan = json!({"name": "Pro", "lookup_key": "pro", "description": "For teams"});
    let plan = id(&story.post("createPlan", plan).await);
    let tiers = json!([{"up_to": 1000, "unit_amount": "0.01"}, {"unit_amount": "0.005"}]);
    let per_token = json!({
        "type": "USAGE", "meter_id": tokens, "billing_model": "TIERED", "tier_mode": "SLAB", "tiers": tiers.clone(), "invoice_cadence": "ARREAR",
        "lookup_key": "per-token", "group_id": group,
    });
    let per_token = id(&story.post("createPrice", price(&plan, per_token)).await);
    let draft = json!({
        "type": "USAGE", "meter_id": tokens, "currency": "usd", "billing_model": "TIERED", "tier_mode": "SLAB", "tiers": tiers,
        "billing_period": "MONTHLY", "invoice_cadence": "ARREAR",
    });
    story.post("previewPrice", json!({"price": draft, "quantities": ["250", "1600"]})).await;
    let seat = json!({"type": "FIXED", "billing_model": "FLAT_FEE", "amount": "49", "invoice_cadence": "ADVANCE", "display_name": "Seat"});
    story.post("createPricesBulk", json!({"items": [price(&plan, seat)]})).await;
    let limit = json!({
        "plan_id": plan, "feature_id": feature, "feature_type": "metered", "usage_limit": 100, "usage_reset_period": "MONTHLY",
    });
    let limit = id(&story.post("createEntitlement", limit).await);
    let priority = id(&story.post("createFeature", json!({"name": "Priority support", "lookup_key": "support", "type": "boolean"})).await);
    let support = json!({"plan_id": plan, "feature_id": priority, "feature_type": "boolean", "is_enabled": true});
    let support = story.post("createEntitlementsBulk", json!({"items": [support]})).await;
    for (operation, id) in [
        ("getGroup", &group),
        ("getMeter", &tokens),
        ("getFeature", &feature),
        ("getPlan", &plan),
        ("getPrice", &per_token),
        ("getEntitlement", &limit),
        ("getPlanEntitlements", &plan),
    ] {
        story.get(operation, id).await;
    }
    story.call("getPriceByLookupKey", &[("lookup_key", "per-token")], None).await;
    for operation in ["listMeters", "listFeatures", "listPlans", "listPrices", "listEntitlements"] {
        story.call(operation, &[("limit", "1")], None).await;
    }
    story.post("queryGroup", json!({"entity_type": "price", "limit": 10})).await;
    story.post("queryFeature", json!({"lookup_keys": ["tokens"], "expand": "meters"})).await;
    let named = json!([{"field": "name", "operator": "contains", "data_type": "string", "value": {"string": "Pro"}}]);
    story.post("queryPlan", json!({"filters": named, "sort": [{"field": "name", "direction": "asc"}]})).await;
    story.post("queryPrice", json!({"entity_ids": [plan], "limit": 1})).await;
    story.post("queryEntitlement", json!({"plan_ids": [plan], "limit": 1})).await;
    story.call("updateMeter", &[("id", &tokens)], Some(json!({"filters": [{"key": "region", "values": ["eu", "us"]}]}))).await;
    story.call("updateFeature", &[("id", &feature)], Some(json!({"description": "Tokens of completions"}))).await;
    story.call("updatePlan", &[("id", &plan)], Some(json!({"metadata": {"tier": "2"}}))).await;
    story.call("updatePrice", &[("id", &per_token)], Some(json!({"display_name": "Tokens"}))).await;
    story.call("updateEntitlement", &[("id", &limit)], Some(json!({"usage_limit": 120}))).await;
    let copy = story.call("clonePlan", &[("id", &plan)], Some(json!({"name": "Pro 2", "lookup_key": "pro-2"}))).await;
    let other = story.call("cloneFeature", &[("id", &priority)], Some(json!({"name": "Support", "lookup_key": "support-2"}))).await;
    // What is taken out of use again.
    story.get("deleteEntitlement", &id(&support["items"][0])).await;
    story.get("deleteFeature", &id(&other)).await;
    story.get("deletePlan", &id(&copy)).await;
    let unused = json!({"name": "Unused", "event_name": "unused", "reset_usage": "BILLING_PERIOD", "aggregation": {"type": "COUNT"}});
    let first = id(&story.post("createMeter", unused.clone()).await);
    let second = id(&story.post("createMeter", unused).await);
    story.get("disableMeter", &first).await;
    story.get("deleteMeter", &second).await;
    costs(story, &tokens).await;
    plan
}

async fn costs(story: &mut Story, tokens: &str) {
    let sheet = story.post("createCostsheet", json!({"name": "Costs of 2025", "lookup_key": "costs-2025"})).await["costsheet"].clone();
    let cost = json!({
        "entity_type": "COSTSHEET", "entity_id": sheet["id"], "type": "USAGE", "meter_id": tokens, "billing_model": "FLAT_FEE",
        "amount": "0.002", "invoice_cadence": "ARREAR",
    });
    story.post("createPrice", price("", cost)).await;
    story.get("getCostsheet", &id(&sheet)).await;
    story.call("getActiveCostsheet", &[], None).await;
    story.post("queryCostsheet", json!({"costsheet_ids": [sheet["id"]]})).await;
    story.call("updateCostsheet", &[("id", &id(&sheet))], Some(json!({"description": "What providers charge"}))).await;
    let former = story.post("createCostsheet", json!({"name": "Costs of 2024", "lookup_key": "costs-2024"})).await["costsheet"].clone();
    story.get("deleteCostsheet", &id(&former)).await;
}

async fn customer(story: &mut Story, plan: &str) -> String {
    let acme = json!({
        "external_id": "acme", "name": "Acme", "email": "billing@acme.example", "address_country": "DE", "timezone": "Europe/Berlin",
        "metadata": {"segment": "smb"},
    });
    let acme = id(&story.post("createCustomer", acme).await);
    story.get("getCustomer", &acme).await;
    story.call("getCustomerByExternalId", &[("external_id", "acme")], None).await;
    story.call("getCustomerByLookupKey", &[("key", "acme")], None).await;
    story.call("listCustomers", &[("limit", "1")], None).await;
    story.post("queryCustomer", json!({"external_ids": ["acme"]})).await;
    story.call("updateCustomerById", &[("id", &acme)], Some(json!({"name": "Acme Inc."}))).await;
    story.call("updateCustomer", &[("external_customer_id", "acme")], Some(json!({"email": "invoices@acme.example"}))).await;
    let subscription = json!({
        "external_customer_id": "acme", "plan_id": plan, "currency": "usd", "billing_period": "MONTHLY", "billing_cycle": "calendar",
        "start_date": "2024-12-31T23:00:00Z", "payment_terms": "30 NET",
    });
    let subscription = id(&story.post("createSubscription", subscription).await);
    story.get("getSubscription", &subscription).await;
    story.call("getSubscriptionV2", &[("id", &subscription), ("expand", "plan,customer")], None).await;
    story.get("getSubscriptionEntitlements", &subscription).await;
    story.get("getCustomerEntitlements", &acme).await;
    story.call("getCustomerEntitlementsByExternalID", &[("external_id", "acme")], None).await;
    story.call("getSubscriptionsForCustomer", &[("external_id", "acme")], None).await;
    story.call("listSubscriptions", &[("limit", "1")], None).await;
    story.post("querySubscription", json!({"plan_id": plan, "expand": "customer"})).await;
    subscription
}

async fn events(story: &mut Story) {
    let event = |id: &str, at: &str, tokens: i64| {
        json!({
            "event_id": id, "event_name": "completion", "external_customer_id": "acme", "timestamp": at, "source": "gateway",
            "properties": {"tokens": tokens, "model": "large", "region": "eu"},
        })
    };
    story.post("ingestEvent", event("evt_1", "2025-01-02T10:00:00Z", 700)).await;
    let more = [event("evt_2", "2025-01-03T11:00:00Z", 400), event("evt_3", "2025-01-20T12:00:00Z", 500)];
    story.post("ingestEventsBulk", json!({"events": more})).await;
    let raw = json!({
        "id": "raw_1", "orgId": "acme", "methodName": "Chat", "providerName": "Provider", "createdAt": "2025-01-05T00:00:00Z",
        "targetItemId": "item", "data": {"numCharacters": 7},
    });
    story.post("ingestRawEventsBulk", json!({"events": [raw]})).await;
    story.call("setEnvironmentClock", &[("id", SANDBOX)], Some(json!({"time": "2025-01-31T00:00:00Z"}))).await;
    let january = json!({"start_date": "2025-01-01T00:00:00Z", "end_date": "2025-02-01T00:00:00Z"});
    story.post("reprocessRawEvents", january.clone()).await;
    story.post("reprocessPendingRawEvents", january).await;
    let times = [("start_time", "2025-01-01T00:00:00Z"), ("end_time", "2025-02-01T00:00:00Z")];
    story.call("listEvents", &[times[0], times[1], ("event_name", "completion")], None).await;
    story.call("getEvent", &[("id", "evt_1")], None).await;
    story.call("getEventMonitoring", &[times[0], times[1], ("window_size", "WEEK")], None).await;
    story
        .post("listRawEvents", json!({"external_customer_id": "acme", "start_time": times[0].1, "end_time": times[1].1, "page_size": 1}))
        .await;
}

async fn usage(story: &mut Story) {
    let january = |with: Value| {
        let mut body = json!({"external_customer_id": "acme", "start_time": "2025-01-01T00:00:00Z", "end_time": "2025-02-01T00:00:00Z"});
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        body
    };
    let meter = story.post("queryFeature", json!({"lookup_keys": ["tokens"]})).await["items"][0]["meter_id"].clone();
    let meter_text = meter.as_str().unwrap().to_owned();
    let sum = json!({"event_name": "completion", "aggregation_type": "SUM", "property_name": "tokens"});
    story.post("getUsageStatistics", january(sum)).await;
    story.post("getUsageByMeter", january(json!({"meter_id": meter}))).await;
    story.post("getUsageAnalytics", january(json!({"group_by": ["properties.model"], "window_size": "WEEK"}))).await;
    let of_meter = json!({"meter_id": meter, "aggregation_type": "SUM", "window_size": "WEEK"});
    story.post("queryMeterUsage", january(of_meter)).await;
    story.post("getMeterUsageAnalytics", january(json!({"meter_ids": [meter], "aggregation_type": "SUM"}))).await;
    story.post("getDetailedUsageAnalytics", january(json!({"meter_ids": [meter]}))).await;
    story.post("getHuggingfaceBillingData", json!({"requestIds": ["evt_1"]})).await;
    story.post("getHuggingfaceInferenceData", json!({"requestIds": ["evt_1"]})).await;
    story.post("getDetailedCostAnalytics", january(json!({}))).await;
    story.call("getCustomerUsageSummary", &[("customer_lookup_key", "acme")], None).await;
    let acme = id(&story.call("getCustomerByExternalId", &[("external_id", "acme")], None).await);
    story.get("getUsageOfCustomer", &acme).await;
    story.call("backfillMeter", &[("id", &meter_text)], Some(json!({"start_time": "2025-01-01T00:00:00Z"}))).await;
    story.get("getMeterBackfill", &meter_text).await;
}

async fn invoices(story: &mut Story, subscription: &str) {
    story.post("getSubscriptionUsage", json!({"subscription_id": subscription})).await;
    story.post("getInvoicePreview", json!({"subscription_id": subscription})).await;
    // Just after the period's end: its invoice is a draft, and awaits late events.
    story.call("advanceEnvironmentClock", &[("id", SANDBOX)], Some(json!({"to": "2025-01-31T23:05:00Z"}))).await;
    let drafts = story.post("queryInvoice", json!({"subscription_id": subscription, "invoice_status": ["DRAFT"]})).await;
    let invoice = id(&drafts["items"][0]);
    story.get("computeInvoice", &invoice).await;
    story.get("finalizeInvoice", &invoice).await;
    story.get("getInvoice", &invoice).await;
    story.get("explainInvoice", &invoice).await;
    story.call("listInvoices", &[("limit", "1")], None).await;
}

async fn platform(story: &mut Story) {
    story.call("listEnvironments", &[], None).await;
    let staging = id(&story.post("createEnvironment", json!({"name": "Staging", "type": "development"})).await);
    story.get("getEnvironment", &staging).await;
    story.call("updateEnvironment", &[("id", &staging)], Some(json!({"name": "Staging EU"}))).await;
    story.call("getEnvironmentClock", &[("id", SANDBOX)], None).await;
    let key = json!({"name": "Gateway", "type": "private_key", "expires_at": "2030-01-01T00:00:00Z"});
    let key = story.post("createApiKey", key).await["secret"].clone();
    story.call("listApiKeys", &[("limit", "1")], None).await;
    story.get("deleteApiKey", &id(&key)).await;
    let setting = [("key", "invoice_config")];
    story.call("updateSetting", &setting, Some(json!({"value": {"prefix": "ACME"}}))).await;
    story.call("getSetting", &setting, None).await;
    story.call("deleteSetting", &setting, None).await;
}

async fn endings(story: &mut Story, plan: &str, subscription: &str) {
    let cancel = json!({"cancellation_type": "end_of_period", "reason": "moves to another plan"});
    story.call("cancelSubscription", &[("id", subscription)], Some(cancel.clone())).await;
    story.call("listAllSubscriptionSchedules", &[("subscription_id", subscription)], None).await;
    let scheduled = story.call("listSchedules", &[("pending_only", "true")], None).await;
    let schedule = id(&scheduled["schedules"][0]);
    story.get("listSubscriptionSchedules", subscription).await;
    story.get("getSubscriptionSchedule", &schedule).await;
    story.get("getSchedule", &schedule).await;
    story.call("cancelSubscriptionSchedule", &[("id", &schedule)], Some(json!({}))).await;
    story.call("cancelSubscription", &[("id", subscription)], Some(cancel)).await;
    story.post("cancelSchedule", json!({"subscription_id": subscription, "schedule_type": "cancellation"})).await;
    let prices = story.post("queryPrice", json!({"entity_ids": [plan]})).await;
    let price = id(&prices["items"][0]);
    story.call("deletePrice", &[("id", &price)], Some(json!({"end_date": "2025-12-31T00:00:00Z"}))).await;
    let group = id(&story.post("queryGroup", json!({"lookup_key": "usage"})).await["items"][0]);
    story.get("deleteGroup", &group).await;
    let other = id(&story.post("createCustomer", json!({"external_id": "other", "name": "Other"})).await);
    story.get("deleteCustomer", &other).await;
    story.call("removeEnvironmentClock", &[("id", SANDBOX)], None).await;
}

#[tokio::test]
async fn every_operation_has_an_example_that_was_answered() {
    let examples = told().await;
    let text = format!("{}\n", serde_json::to_string_pretty(&examples).unwrap());
    if std::env::var_os("WRITE_EXAMPLES").is_some() {
        std::fs::write(PATH, text).unwrap();
        return;
    }
    let document = Document::new();
    let missing: Vec<_> = document
        .operations()
        .into_iter()
        .filter_map(|(.., operation)| operation["operationId"].as_str())
        .filter(|operation| !examples.contains_key(*operation) && !WITHOUT.contains(operation))
        .collect();
    assert!(missing.is_empty(), "these operations have no example: call them in the story: {missing:?}");
    let mut wrong = Vec::new();
    for (operation, example) in &examples {
        let schema = document.response(document.operation(operation));
        if let (Some(schema), Some(answer)) = (schema, example.get("response")) {
            differences(&document, schema, answer, operation, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let is_current = std::fs::read_to_string(PATH).is_ok_and(|committed| committed == text);
    assert!(is_current, "crates/api/{PATH} is out of date; write it anew with `make docs`");
}

/// What the story says stands in the document.
#[test]
fn the_document_shows_the_examples() {
    let document = Document::new();
    let operation = document.operation("createPlan");
    assert_eq!(operation["requestBody"]["content"]["application/json"]["example"]["lookup_key"], "pro");
    assert_eq!(operation["responses"]["201"]["content"]["application/json"]["example"]["name"], "Pro");
    for (method, path, operation) in document.operations() {
        if let Some(body) = operation.pointer("/requestBody/content/application~1json") {
            assert!(body.get("example").is_some(), "{method} {path} shows no body");
        }
    }
}
