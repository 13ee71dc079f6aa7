//! The things that most tests need, made over HTTP with as little said as possible.

use serde_json::{Map, Value, json};

use crate::{Client, ENTITIES, Entity, NAMED, SANDBOX};

/// A metered feature with its meter.
#[derive(Clone, Debug)]
pub struct Metered {
    /// The feature.
    pub feature_id: String,
    /// Its meter.
    pub meter_id: String,
}

/// The body of a flat usage price of 1.00 USD a month; `with` adds or replaces fields.
pub fn usage_price(plan: &str, meter: &Metered, with: Value) -> Value {
    let price = json!({
        "entity_type": "PLAN", "entity_id": plan, "type": "USAGE", "meter_id": meter.meter_id, "currency": "USD", "amount": "1",
        "billing_model": "FLAT_FEE", "billing_period": "MONTHLY", "billing_period_count": 1, "invoice_cadence": "ARREAR",
        "start_date": "2020-01-01T00:00:00Z",
    });
    merged(price, with)
}

/// The body of a fixed price in USD a month; `with` adds or replaces fields.
pub fn fixed_price(plan: &str, amount: &str, cadence: &str, with: Value) -> Value {
    let price = json!({
        "entity_type": "PLAN", "entity_id": plan, "type": "FIXED", "currency": "USD", "amount": amount,
        "billing_model": "FLAT_FEE", "billing_period": "MONTHLY", "billing_period_count": 1, "invoice_cadence": cadence,
        "start_date": "2020-01-01T00:00:00Z",
    });
    merged(price, with)
}

/// An event as it is sent.
pub fn event(id: &str, name: &str, customer: &str, at: &str, properties: Value) -> Value {
    json!({"event_id": id, "event_name": name, "external_customer_id": customer, "timestamp": at, "properties": properties})
}

fn merged(mut base: Value, with: Value) -> Value {
    let (Value::Object(fields), Value::Object(with)) = (&mut base, with) else { panic!("fields are given as an object") };
    fields.extend(with);
    base
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}

impl Client {
    /// Makes a customer and returns its id.
    pub async fn customer(&self, external_id: &str) -> String {
        self.customer_with(external_id, json!({})).await
    }

    /// Makes a customer with more fields and returns its id.
    pub async fn customer_with(&self, external_id: &str, with: Value) -> String {
        let body = merged(json!({"external_id": external_id, "name": external_id}), with);
        text(&self.post("/v1/customers", &body).await.expect(201), "id")
    }

    /// Makes a feature whose meter counts the events of this name.
    pub async fn counted(&self, event_name: &str) -> Metered {
        self.metered(event_name, json!({"type": "COUNT"}), json!([])).await
    }

    /// Makes a metered feature.
    pub async fn metered(&self, event_name: &str, aggregation: Value, filters: Value) -> Metered {
        let name = format!("{event_name} {}", aggregation["type"].as_str().unwrap_or_default());
        let meter = json!({
            "name": name, "event_name": event_name, "aggregation": aggregation, "filters": filters, "reset_usage": "BILLING_PERIOD",
        });
        let feature = self.post("/v1/features", &json!({"name": name, "type": "metered", "meter": meter})).await.expect(201);
        Metered { feature_id: text(&feature, "id"), meter_id: text(&feature, "meter_id") }
    }

    /// Makes a plan and returns its id.
    pub async fn plan(&self, name: &str) -> String {
        text(&self.post("/v1/plans", &json!({"name": name, "lookup_key": name})).await.expect(201), "id")
    }

    /// Makes a price and returns its id.
    pub async fn price(&self, body: Value) -> String {
        text(&self.post("/v1/prices", &body).await.expect(201), "id")
    }

    /// Makes a monthly subscription in USD by external customer id; `with` adds or replaces fields.
    pub async fn subscribe(&self, customer: &str, plan: &str, start: &str, with: Value) -> Value {
        let body = json!({
            "external_customer_id": customer, "plan_id": plan, "currency": "usd", "billing_period": "MONTHLY", "start_date": start,
        });
        self.post("/v1/subscriptions", &merged(body, with)).await.expect(201)
    }

    /// Sends events, all of which are accepted.
    pub async fn send_events(&self, events: &[Value]) {
        for events in events.chunks(1000) {
            self.post("/v1/events/bulk", &json!({ "events": events })).await.expect(202);
        }
    }

    /// Sets the sandbox's clock.
    pub async fn set_clock(&self, time: &str) {
        self.put(&format!("/v1/environments/{SANDBOX}/clock"), &json!({ "time": time })).await.expect(200);
    }

    /// Advances the sandbox's clock; all that falls due on the way has run when this returns.
    pub async fn advance(&self, to: &str) -> Value {
        self.post(&format!("/v1/environments/{SANDBOX}/clock/advance"), &json!({ "to": to })).await.expect(200)
    }

    /// The subscription.
    pub async fn subscription(&self, id: &str) -> Value {
        self.get(&format!("/v1/subscriptions/{id}")).await.expect(200)
    }

    /// All invoices of a subscription, skipped ones too, in the order in which they were made.
    pub async fn invoices(&self, subscription: &str) -> Vec<Value> {
        let query = json!({
            "subscription_id": subscription, "limit": 1000, "invoice_status": ["DRAFT", "FINALIZED", "VOIDED", "SKIPPED"],
            "sort": [{"field": "billing_sequence", "direction": "asc"}],
        });
        items(self.post("/v1/invoices/search", &query).await.expect(200))
    }

    /// Everything that can be listed, archived and deleted things too: equal before and after what must change nothing.
    pub async fn dump(&self) -> Value {
        let mut dump = Map::new();
        for Entity { path, search, .. } in ENTITIES {
            let Some(search) = search else {
                dump.insert((*path).to_owned(), self.get(&format!("/v1/{path}?limit=1000")).await.ok());
                continue;
            };
            for status in ["published", "archived", "deleted"] {
                let query = json!({"limit": 1000, "status": status, "sort": [{"field": "id", "direction": "asc"}]});
                let query = merged(query, (search.everything)());
                dump.insert(format!("{status} {path}"), items(self.post(&format!("/v1/{path}/search"), &query).await.ok()).into());
            }
        }
        for (path, name) in NAMED {
            dump.insert((*path).to_owned(), self.get(&format!("/v1/{path}/{name}")).await.ok());
        }
        let everything = json!({"start_time": "1970-01-01T00:00:00Z", "end_time": "2105-01-01T00:00:00Z", "page_size": 1000});
        dump.insert("events".to_owned(), self.post("/v1/events/query", &everything).await.ok());
        Value::Object(dump)
    }
}

fn items(list: Value) -> Vec<Value> {
    match list {
        Value::Object(mut list) => match list.remove("items") {
            Some(Value::Array(items)) => items,
            other => panic!("a list without items: {other:?}"),
        },
        other => panic!("no list: {other}"),
    }
}
