//! What events add up to: the worked cases of spec 10 §18 and the rules behind them.

mod analytics;
mod meter_usage;
mod oracle;
mod raw_usage;

use serde_json::{Value, json};
use testkit::Client;

/// January 2025, in which most of these tests play.
pub(crate) const JANUARY: (&str, &str) = ("2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z");

/// Usage straight from the events of `api` by customer c1 in January; `with` adds or replaces fields.
pub(crate) async fn usage(client: &Client, with: Value) -> Value {
    let mut body = json!({"event_name": "api", "external_customer_id": "c1", "start_time": JANUARY.0, "end_time": JANUARY.1});
    body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    client.post("/v1/events/usage", &body).await.expect(200)
}

/// Usage straight from the events by a meter, in a time.
pub(crate) async fn usage_of_meter(client: &Client, meter: &str, start: &str, end: &str, with: Value) -> Value {
    let mut body = json!({"meter_id": meter, "external_customer_id": "c1", "start_time": start, "end_time": end});
    body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    client.post("/v1/events/usage/meter", &body).await.expect(200)
}

/// `2025-01-02T00:00:00Z=3` per result, with the group where there is one.
pub(crate) fn results(usage: &Value) -> Vec<String> {
    let results = usage["results"].as_array().into_iter().flatten();
    let shown = results.map(|result| {
        let group = result["group"].as_str().map(|group| format!(" {group}")).unwrap_or_default();
        format!("{}{group}={}", result["window_size"].as_str().unwrap(), result["value"])
    });
    shown.collect()
}

/// Makes a meter and returns its id.
pub(crate) async fn meter(client: &Client, event_name: &str, aggregation: Value, with: Value) -> String {
    let mut body = json!({"name": event_name, "event_name": event_name, "aggregation": aggregation, "reset_usage": "BILLING_PERIOD"});
    body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    client.post("/v1/meters", &body).await.expect(201)["id"].as_str().unwrap().to_owned()
}
