//! Opens a world over the API and asks every read path.

use std::collections::BTreeMap;
use std::future::Future;

use domain::meter::{Window, WindowSize};
use domain::time::{Period, Timestamp, Zone};
use num_bigint::BigInt;
use num_traits::Zero as _;
use serde_json::{Value, json};

use super::formula::{Exact, Row, per_window, raw_usage, usage};
use super::world::{Kind, Meter, Question, START, World};

/// A system under test.
pub trait Api {
    /// Posts a body and returns what is answered; panics on a refusal.
    fn call(&self, path: &str, body: Value) -> impl Future<Output = Value>;
    /// Returns when all that was accepted is counted.
    fn settle(&self) -> impl Future<Output = ()>;
}

/// A world that was opened.
pub struct Opened {
    world: World,
    name: String,
    subscription_id: String,
    meter_ids: Vec<String>,
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("`{text}` is no instant: {error}"))
}

/// A number of an answer: a JSON number or a string.
fn exact(value: &Value) -> Exact {
    let text = match value {
        Value::Null => return Exact::zero(),
        Value::String(text) => text.clone(),
        number => number.to_string(),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: BigInt = format!("{whole}{fraction}").parse().unwrap_or_else(|error| panic!("{value} is no number: {error}"));
    let exponent: i64 = exponent.parse::<i64>().expect("an exponent") - i64::try_from(fraction.len()).expect("short");
    let power = BigInt::from(10).pow(u32::try_from(exponent.abs()).expect("short"));
    if exponent < 0 { Exact::new(digits, power) } else { Exact::from_integer(digits * power) }
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}

fn list<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value[field].as_array().map_or(&[], Vec::as_slice)
}

impl Kind {
    fn aggregation_type(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::Sum | Self::SumPer(_) | Self::Expression => "SUM",
            Self::SumTimes(_) => "SUM_WITH_MULTIPLIER",
            Self::Avg => "AVG",
            Self::Max | Self::MaxPer(_) | Self::MaxPerByNode(_) => "MAX",
            Self::Latest => "LATEST",
            Self::CountUnique => "COUNT_UNIQUE",
            Self::WeightedSum => "WEIGHTED_SUM",
        }
    }
}

impl Meter {
    fn body(&self, name: &str, event_name: &str) -> Value {
        let mut aggregation = json!({ "type": self.kind.aggregation_type() });
        match self.kind {
            Kind::Count => {}
            Kind::CountUnique => aggregation["field"] = "user".into(),
            Kind::Expression => aggregation["expression"] = "n + 2 * m".into(),
            _ => aggregation["field"] = "n".into(),
        }
        if let Kind::SumTimes(thousandths) = self.kind {
            aggregation["multiplier"] = format!("{}.{:03}", thousandths / 1000, thousandths % 1000).into();
        }
        if let Some(size) = self.kind.bucket() {
            aggregation["bucket_size"] = size.to_string().into();
        }
        if let Kind::MaxPerByNode(_) = self.kind {
            aggregation["group_by"] = "node".into();
        }
        let filters: Vec<Value> = [("region", &self.regions), ("tier", &self.tiers)]
            .into_iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(key, values)| json!({ "key": key, "values": values }))
            .collect();
        json!({"name": name, "event_name": event_name, "aggregation": aggregation, "filters": filters, "reset_usage": "BILLING_PERIOD"})
    }
}

/// Makes a world's customer, meters, prices of 1 USD and subscription, and sends its events. The system's clock stands at 1 March 2025 or
/// before. Several worlds may be opened in one system under different names.
pub async fn open(api: &impl Api, world: World, name: &str) -> Opened {
    let event_name = format!("use {name}");
    api.call("/v1/customers", json!({"external_id": name, "name": name, "timezone": world.zone})).await;
    let plan = text(&api.call("/v1/plans", json!({"name": name, "lookup_key": name})).await, "id");
    let mut meter_ids = Vec::new();
    for (number, meter) in world.meters.iter().enumerate() {
        let meter_name = format!("{name} {number}");
        let feature = json!({"name": meter_name, "type": "metered", "meter": meter.body(&meter_name, &event_name)});
        let meter_id = text(&api.call("/v1/features", feature).await, "meter_id");
        let price = json!({
            "entity_type": "PLAN", "entity_id": plan, "type": "USAGE", "meter_id": meter_id, "currency": "USD", "amount": "1",
            "billing_model": "FLAT_FEE", "billing_period": "MONTHLY", "billing_period_count": 1, "invoice_cadence": "ARREAR",
            "start_date": "2020-01-01T00:00:00Z",
        });
        api.call("/v1/prices", price).await;
        meter_ids.push(meter_id);
    }
    let subscription = json!({
        "external_customer_id": name, "plan_id": plan, "currency": "usd", "billing_period": "MONTHLY", "start_date": START,
    });
    let subscription_id = text(&api.call("/v1/subscriptions", subscription).await, "id");
    for request in world.requests(name, &event_name, name) {
        api.call("/v1/events/bulk", request).await;
    }
    api.settle().await;
    Opened { world, name: name.to_owned(), subscription_id, meter_ids }
}

/// The part of a period that the subscription's lines cover.
fn billed(period: Period) -> Period {
    period.intersection(Period::new(instant(START), Timestamp::MAX))
}

impl Opened {
    /// Asks every path and compares.
    pub async fn check(&self, api: &impl Api, question: &Question) {
        let period = Period::new(question.start, question.end);
        for meter in 0..self.meter_ids.len() {
            self.check_raw(api, meter, period, question.size).await;
            self.check_ledger(api, meter, period).await;
        }
        self.check_subscription(api, period).await;
        self.check_analytics(api, period, question.size).await;
        self.check_groups(api, period, question).await;
        if !period.is_empty() {
            self.check_preview(api, period).await;
        }
    }

    /// Compares the invoice of the first period, which the system's clock must have passed. The period ends when the customer's month does.
    pub fn check_invoice(&self, invoices: &[Value]) {
        let invoice = invoices.iter().find(|invoice| text(invoice, "billing_reason") == "SUBSCRIPTION_CYCLE");
        let invoice = invoice.unwrap_or_else(|| panic!("no invoice among {invoices:?}"));
        let period = Period::new(instant(&text(invoice, "period_start")), instant(&text(invoice, "period_end")));
        assert_eq!(period.start, instant(START));
        self.check_lines("invoice", list(invoice, "line_items"), period);
    }

    /// Its subscription.
    pub fn subscription_id(&self) -> &str {
        &self.subscription_id
    }

    fn rows(&self, meter: usize, period: Period) -> Vec<Row<'_>> {
        self.world.rows(meter, period, &self.name)
    }

    fn said(&self, path: &str, meter: usize, period: Period) -> String {
        format!("{path}, meter {meter} {:?}, {} to {}", self.world.kind(meter), period.start, period.end)
    }

    async fn check_raw(&self, api: &impl Api, meter: usize, period: Period, size: WindowSize) {
        let mut body = json!({
            "meter_id": self.meter_ids[meter], "external_customer_id": self.name,
            "start_time": period.start.to_string(), "end_time": period.end.to_string(),
        });
        let (kind, rows, path) = (self.world.kind(meter), self.rows(meter, period), "/v1/events/usage/meter");
        let answer = api.call(path, body.clone()).await;
        assert_eq!(exact(&answer["value"]), raw_usage(kind, &rows, period), "{}", self.said(path, meter, period));
        if kind.bucket().is_some() {
            return;
        }
        body["window_size"] = size.to_string().into();
        body["timezone"] = self.world.zone.into();
        let answer = api.call(path, body).await;
        let window = Window::new(size, Zone::parse(self.world.zone).expect("a zone"));
        let expected = windows(kind, &rows, window, period, raw_usage);
        let found = list(&answer, "results").iter().map(|point| (instant(&text(point, "window_size")), exact(&point["value"])));
        assert_eq!(found.collect::<Vec<_>>(), expected, "{} by {size}", self.said(path, meter, period));
    }

    async fn check_ledger(&self, api: &impl Api, meter: usize, period: Period) {
        let (kind, rows, path) = (self.world.kind(meter), self.rows(meter, period), "/v1/meter-usage/query");
        let body = json!({
            "meter_id": self.meter_ids[meter], "external_customer_id": self.name, "aggregation_type": kind.aggregation_type(),
            "start_time": period.start.to_string(), "end_time": period.end.to_string(),
        });
        let answer = api.call(path, body).await;
        assert_eq!(exact(&answer["total_value"]), usage(kind, &rows, period), "{}", self.said(path, meter, period));
    }

    async fn check_subscription(&self, api: &impl Api, period: Period) {
        let path = "/v1/subscriptions/usage";
        let body = json!({
            "subscription_id": self.subscription_id, "start_time": period.start.to_string(), "end_time": period.end.to_string(),
        });
        let answer = api.call(path, body).await;
        let found: BTreeMap<String, Exact> =
            list(&answer, "charges").iter().map(|charge| (text(charge, "meter_id"), exact(&charge["quantity"]))).collect();
        for (meter, id) in self.meter_ids.iter().enumerate() {
            let within = billed(period);
            let expected = usage(self.world.kind(meter), &self.rows(meter, within), within);
            assert_eq!(found.get(id).cloned().unwrap_or_else(Exact::zero), expected, "{}", self.said(path, meter, period));
        }
    }

    async fn check_analytics(&self, api: &impl Api, period: Period, size: WindowSize) {
        let path = "/v1/events/analytics";
        let body = json!({
            "external_customer_id": self.name, "start_time": period.start.to_string(), "end_time": period.end.to_string(),
            "window_size": size.to_string(),
        });
        let answer = api.call(path, body).await;
        let items: BTreeMap<String, &Value> = list(&answer, "items").iter().map(|item| (text(item, "meter_id"), item)).collect();
        for (meter, id) in self.meter_ids.iter().enumerate() {
            let (kind, within) = (self.world.kind(meter), billed(period));
            let rows = self.rows(meter, within);
            let said = self.said(path, meter, period);
            let item = items.get(id).copied();
            let field = |field: &str| item.map_or_else(Exact::zero, |item| exact(&item[field]));
            assert_eq!(field("total_usage"), usage(kind, &rows, within), "{said}");
            assert_eq!(field("event_count"), Exact::from_integer(rows.len().into()), "{said}");
            let points = item.map_or(&[][..], |item| list(item, "points"));
            if kind.adds_up() {
                let sum: Exact = points.iter().map(|point| exact(&point["usage"])).sum();
                assert_eq!(sum, field("total_usage"), "{said}: sum of the points by {size}");
            }
            if kind.bucket().is_none() {
                let window = Window::new(size, Zone::parse(self.world.zone).expect("a zone"));
                let found = points.iter().map(|point| (instant(&text(point, "timestamp")), exact(&point["usage"])));
                let expected = windows(kind, &rows, window, within, usage);
                assert_eq!(found.collect::<Vec<_>>(), expected, "{said} by {size} in {}", self.world.zone);
            }
        }
    }

    async fn check_groups(&self, api: &impl Api, period: Period, question: &Question) {
        let path = "/v1/events/analytics";
        let mut by = vec!["feature_id"];
        by.extend(&question.by);
        let mut body = json!({
            "external_customer_id": self.name, "start_time": period.start.to_string(), "end_time": period.end.to_string(),
            "group_by": by, "sources": question.sources,
        });
        if !question.regions.is_empty() {
            body["property_filters"] = json!({ "region": question.regions });
        }
        let answer = api.call(path, body.clone()).await;
        let found: BTreeMap<(String, Vec<String>), Exact> = list(&answer, "items")
            .iter()
            .map(|item| {
                let value = |key: &&str| match key.strip_prefix("properties.") {
                    Some(property) => item["properties"][property].as_str().unwrap_or_default().to_owned(),
                    None => item["source"].as_str().unwrap_or_default().to_owned(),
                };
                ((text(item, "meter_id"), question.by.iter().map(value).collect()), exact(&item["total_usage"]))
            })
            .filter(|(_, usage)| !usage.is_zero())
            .collect();
        let (mut expected, within) = (BTreeMap::new(), billed(period));
        for (meter, id) in self.meter_ids.iter().enumerate() {
            let mut groups: BTreeMap<Vec<String>, Vec<Row<'_>>> = BTreeMap::new();
            for row in self.rows(meter, within) {
                let region = row.sent.text("region");
                let asked = (question.regions.is_empty() || region.is_some_and(|region| question.regions.contains(&region)))
                    && (question.sources.is_empty() || question.sources.contains(&row.sent.source));
                if asked {
                    groups.entry(row.group(&question.by)).or_default().push(row);
                }
            }
            for (group, rows) in groups {
                let usage = usage(self.world.kind(meter), &rows, within);
                if !usage.is_zero() {
                    expected.insert((id.clone(), group), usage);
                }
            }
        }
        assert_eq!(found, expected, "{path} {body}: {:?}", self.world.meters);
    }

    async fn check_preview(&self, api: &impl Api, period: Period) {
        let body = json!({
            "subscription_id": self.subscription_id, "period_start": period.start.to_string(), "period_end": period.end.to_string(),
        });
        let answer = api.call("/v1/invoices/preview", body).await;
        self.check_lines("preview", list(&answer, "line_items"), period);
    }

    fn check_lines(&self, path: &str, lines: &[Value], period: Period) {
        let found: BTreeMap<String, Exact> = lines
            .iter()
            .filter(|line| line["meter_id"].is_string())
            .map(|line| (text(line, "meter_id"), exact(&line["quantity"])))
            .collect();
        for (meter, id) in self.meter_ids.iter().enumerate() {
            let within = billed(period);
            let expected = usage(self.world.kind(meter), &self.rows(meter, within), within);
            assert_eq!(found.get(id).cloned().unwrap_or_else(Exact::zero), expected, "{}", self.said(path, meter, period));
        }
    }
}

/// The usage per window that has rows, each of the part that lies in the period.
fn windows(
    kind: Kind,
    rows: &[Row<'_>],
    window: Window,
    period: Period,
    usage: impl Fn(Kind, &[Row<'_>], Period) -> Exact,
) -> Vec<(Timestamp, Exact)> {
    let of_window = |(start, rows): (Timestamp, Vec<Row<'_>>)| (start, usage(kind, &rows, window.around(start).intersection(period)));
    per_window(rows, window).into_iter().map(of_window).collect()
}
