//! An invoice that explains itself: from each amount back to price, steps, rounding and events.

use domain::money::Decimal;
use domain::time::Timestamp;
use serde_json::{Value, json};
use testkit::{TestApp, event, fixed_price, usage_price};

use super::text;

fn decimal(value: &Value, field: &str) -> Decimal {
    text(value, field).parse().unwrap()
}

/// The part of a full price that a line bills: by a coefficient, or by time.
fn part_of(rated: &Decimal, line: &Value) -> Decimal {
    if line.get("coefficient").is_some() {
        return rated * &decimal(line, "coefficient");
    }
    if line.get("full_start").is_some() {
        let micros = |field: &str| text(line, field).parse::<Timestamp>().unwrap().micros();
        let service = Decimal::from(micros("service_end") - micros("service_start"));
        let full = Decimal::from(micros("full_end") - micros("full_start"));
        return (rated * &service).div(&full).unwrap();
    }
    rated.clone()
}

/// Every figure follows from the ones below it.
fn assert_adds_up(explanation: &Value) {
    let mut subtotal = Decimal::zero();
    for line in explanation["lines"].as_array().unwrap() {
        let mut rated = Decimal::zero();
        for step in line["steps"].as_array().unwrap() {
            let amount = &(&decimal(step, "quantity") * &decimal(step, "unit_amount")) + &decimal(step, "flat_amount");
            assert_eq!(amount, decimal(step, "amount"), "{step}");
            rated = &rated + &amount;
        }
        assert_eq!(rated, decimal(line, "rated"), "{line}");
        assert_eq!(&decimal(line, "exact") + &decimal(line, "rounding"), decimal(line, "amount"), "{line}");
        assert_eq!(decimal(line, "exact"), part_of(&rated, line), "{line}");
        subtotal = &subtotal + &decimal(line, "amount");
    }
    assert_eq!(subtotal, decimal(explanation, "subtotal"), "{explanation}");
}

#[tokio::test]
async fn an_explanation_adds_up_and_names_its_events() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    let meter = client.metered("api", json!({"type": "SUM", "field": "n"}), json!([])).await;
    let tiers = json!([{"up_to": 10, "unit_amount": "0.333", "flat_amount": "1"}, {"unit_amount": "0.1111"}]);
    let package = json!({"billing_model": "PACKAGE", "amount": "7.5", "transform_quantity": {"divide_by": 7}});
    for (name, mut with) in [
        ("flat", json!({"amount": "0.0375"})),
        ("slab", json!({"billing_model": "TIERED", "tier_mode": "SLAB", "tiers": tiers})),
        ("volume", json!({"billing_model": "TIERED", "tier_mode": "VOLUME", "tiers": tiers})),
        ("package", package),
    ] {
        with["display_name"] = name.into();
        client.price(usage_price(&plan, &meter, with)).await;
    }
    client.price(fixed_price(&plan, "93", "ARREAR", json!({"start_date": "2025-01-18T00:00:00Z", "display_name": "fee"}))).await;
    let made = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    let events: Vec<_> = (0..9).map(|n| event(&n.to_string(), "api", "acme", "2025-01-20T00:00:00Z", json!({"n": "1.5"}))).collect();
    client.send_events(&events).await;
    client.advance("2025-02-02T00:00:00Z").await;
    let invoice = client.invoices(text(&made, "id")).await.remove(1);
    let explanation = client.get(&format!("/v1/invoices/{}/explanation", text(&invoice, "id"))).await.ok();
    assert_adds_up(&explanation);
    for field in ["invoice_number", "subtotal", "total"] {
        assert_eq!(explanation[field], invoice[field]);
    }
    let explained = explanation["lines"].as_array().unwrap();
    assert_eq!(explained.len(), invoice["line_items"].as_array().unwrap().len());
    for line in invoice["line_items"].as_array().unwrap() {
        let explained = explained.iter().find(|found| found["line_item_id"] == line["id"]).unwrap();
        assert_eq!((&explained["amount"], &explained["price_id"]), (&line["amount"], &line["price_id"]));
        if line["price_type"] == "USAGE" {
            assert_eq!((explained["events"].as_i64(), text(explained, "usage")), (Some(9), "13.5"));
        }
    }
    let fee = explained.iter().find(|line| line["display_name"] == "fee").unwrap();
    assert_eq!((text(fee, "amount"), text(fee, "service_start")), ("42", "2025-01-18T00:00:00Z"));
}

/// A day of minutes is explained by as many steps as the price has tiers, and they add up.
#[tokio::test]
async fn an_explanation_of_many_buckets_stays_short() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("basic").await;
    let tiers = json!([{"up_to": 3, "unit_amount": "0.0333", "flat_amount": "0.01"}, {"unit_amount": "0.0111"}]);
    for (name, aggregation, mode) in [
        ("sum", json!({"type": "SUM", "field": "n", "bucket_size": "MINUTE"}), "SLAB"),
        ("max", json!({"type": "MAX", "field": "n", "bucket_size": "MINUTE"}), "VOLUME"),
        ("node", json!({"type": "MAX", "field": "n", "bucket_size": "HOUR", "group_by": "node"}), "SLAB"),
    ] {
        let meter = json!({"name": name, "event_name": "api", "aggregation": aggregation, "reset_usage": "BILLING_PERIOD"});
        let meter = client.post("/v1/meters", &meter).await.expect(201);
        let meter = testkit::Metered { feature_id: String::new(), meter_id: text(&meter, "id").to_owned() };
        let with = json!({"billing_model": "TIERED", "tier_mode": mode, "tiers": tiers, "display_name": name});
        client.price(usage_price(&plan, &meter, with)).await;
    }
    let made = client.subscribe("acme", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    let one = |minute: u32| {
        let at = format!("2025-01-20T{:02}:{:02}:30Z", minute / 60, minute % 60);
        event(&minute.to_string(), "api", "acme", &at, json!({"n": minute % 6, "node": minute % 3}))
    };
    client.send_events(&(0..1440).map(one).collect::<Vec<_>>()).await;
    client.advance("2025-02-02T00:00:00Z").await;
    let invoice = client.invoices(text(&made, "id")).await.remove(1);
    let explanation = client.get(&format!("/v1/invoices/{}/explanation", text(&invoice, "id"))).await.ok();
    assert_adds_up(&explanation);
    for (name, size, values, quantity, times) in [
        // Of 240 minutes each there are 0, 1, 2, 3, 4 and 5. What is 0 takes no step.
        ("sum", "MINUTE", 1440, "3600", [1200, 480]),
        ("max", "MINUTE", 1440, "3600", [720, 480]),
        // Each hour, each node has its larger value: 3, 4 and 5.
        ("node", "HOUR", 72, "288", [72, 48]),
    ] {
        let line = explanation["lines"].as_array().unwrap().iter().find(|line| line["display_name"] == name).unwrap();
        assert_eq!(
            (text(line, "bucket_size"), line["bucket_values"].as_i64(), text(line, "usage")),
            (size, Some(values), quantity),
            "{name}"
        );
        assert_eq!(line.get("bucket_group_by").is_some(), name == "node");
        let steps = line["steps"].as_array().unwrap();
        let mut found: Vec<_> = steps.iter().map(|step| (text(step, "label"), step["times"].as_i64().unwrap())).collect();
        found.sort_unstable();
        assert_eq!(found.iter().map(|(_, times)| *times).collect::<Vec<_>>(), times, "{name}: {line}");
    }
}
