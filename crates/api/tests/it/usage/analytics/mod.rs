//! Usage analytics over HTTP (spec 10 §11): worked cases, the shape of answers, and random questions beside an oracle.

mod groups;
mod oracle;
mod points;
mod random;
mod shape;

use serde_json::{Value, json};
use testkit::{Client, Metered, TestApp, usage_price};

/// A customer `acme` with a subscription from January 2025, on a plan with one price.
struct Story {
    app: TestApp,
    client: Client,
    plan: String,
    meter: Metered,
    subscription: Value,
}

impl Story {
    /// A meter over events `api`, billed at a price of 1 a unit unless `price` says else.
    async fn new(aggregation: Value, price: Value) -> Self {
        Self::of_customer(aggregation, price, json!({})).await
    }

    async fn of_customer(aggregation: Value, price: Value, customer: Value) -> Self {
        let app = TestApp::start().await;
        let client = app.client();
        client.set_clock("2025-01-01T00:00:00Z").await;
        client.customer_with("acme", customer).await;
        let plan = client.plan("basic").await;
        let meter = client.metered("api", aggregation, json!([])).await;
        client.price(usage_price(&plan, &meter, price)).await;
        let subscription = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
        Self { app, client, plan, meter, subscription }
    }

    /// Sends events of `acme`: time within January 2025 and properties.
    async fn send(&self, events: &[(&str, Value)]) {
        let event = |(number, (at, properties)): (usize, &(&str, Value))| {
            testkit::event(&format!("event {number}"), "api", "acme", &format!("2025-01-{at}Z"), properties.clone())
        };
        self.client.send_events(&events.iter().enumerate().map(event).collect::<Vec<_>>()).await;
    }

    /// What analytics say of January.
    async fn january(&self, with: Value) -> Value {
        analytics(&self.client, with).await
    }
}

/// What analytics say of acme's January.
async fn analytics(client: &Client, with: Value) -> Value {
    let mut body = json!({
        "external_customer_id": "acme", "start_time": "2025-01-01T00:00:00Z", "end_time": "2025-02-01T00:00:00Z",
    });
    body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    client.post("/v1/events/analytics", &body).await.ok()
}

fn items(answer: &Value) -> &Vec<Value> {
    answer["items"].as_array().unwrap_or_else(|| panic!("no items in {answer}"))
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field} in {value}"))
}

/// Usage and cost of each item.
fn totals(answer: &Value) -> Vec<(&str, &str)> {
    items(answer).iter().map(|item| (text(item, "total_usage"), text(item, "total_cost"))).collect()
}

/// Start, usage and cost of each point of an item.
fn points(item: &Value) -> Vec<(&str, &str, &str)> {
    let points = item["points"].as_array().unwrap_or_else(|| panic!("no points in {item}"));
    points.iter().map(|point| (text(point, "timestamp"), text(point, "usage"), text(point, "cost"))).collect()
}
