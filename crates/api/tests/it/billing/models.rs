//! Billing models and aggregations, from events to the lines of an invoice (spec 20 §16, spec 10 §18).

use serde_json::{Value, json};
use testkit::{Client, TestApp, event, usage_price};

use super::text;

fn tiers() -> Value {
    json!([
        {"up_to": 250, "unit_amount": "0.08", "flat_amount": "3"},
        {"up_to": 1000, "unit_amount": "0.05"},
        {"unit_amount": "0.02", "flat_amount": "10"},
    ])
}

fn models() -> Vec<(&'static str, Value)> {
    let package =
        |round: &str| json!({"billing_model": "PACKAGE", "amount": "7.5", "transform_quantity": {"divide_by": 500, "round": round}});
    let tiered = |mode: &str| json!({"billing_model": "TIERED", "tier_mode": mode, "tiers": tiers()});
    vec![
        ("flat", json!({"amount": "0.0125"})),
        ("volume", tiered("VOLUME")),
        ("slab", tiered("SLAB")),
        ("up", package("up")),
        ("down", package("down")),
    ]
}

/// No. 1 and 3 of spec 20 §16, on one invoice per quantity: all models read the same meter.
#[tokio::test]
async fn every_model_bills_the_worked_cases() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    let plan = client.plan("all models").await;
    let meter = client.metered("use", json!({"type": "SUM", "field": "n"}), json!([])).await;
    for (name, mut with) in models() {
        with["display_name"] = name.into();
        client.price(usage_price(&plan, &meter, with)).await;
    }
    // Quantity; flat, volume, slab, package up, package down; rounded to cents, half away from zero.
    let cases = [
        ("250", ["3.13", "23", "23", "7.5", "0"]),
        ("250.5", ["3.13", "12.53", "23.03", "7.5", "0"]),
        ("500", ["6.25", "25", "35.5", "7.5", "7.5"]),
        ("501", ["6.26", "25.05", "35.55", "15", "7.5"]),
        ("1000", ["12.5", "50", "60.5", "15", "15"]),
        ("1000.001", ["12.5", "30", "70.5", "22.5", "15"]),
        ("1250", ["15.63", "35", "75.5", "22.5", "15"]),
        ("1400", ["17.5", "38", "78.5", "22.5", "15"]),
    ];
    let mut subscriptions = Vec::new();
    for (quantity, _) in cases {
        client.customer(quantity).await;
        subscriptions.push(client.subscribe(quantity, &plan, "2025-01-01T00:00:00Z", json!({})).await);
        client.send_events(&[event(quantity, "use", quantity, "2025-01-10T00:00:00Z", json!({"n": quantity}))]).await;
    }
    client.advance("2025-02-02T00:00:00Z").await;
    for ((quantity, expected), subscription) in cases.iter().zip(&subscriptions) {
        let invoice = client.invoices(text(subscription, "id")).await.remove(1);
        let lines = super::lines(&invoice);
        let amount = |name: &str| lines.iter().find(|(line, _)| line == name).map(|(_, amount)| amount.clone()).unwrap();
        let found = ["flat", "volume", "slab", "up", "down"].map(amount);
        assert_eq!(found, expected.map(str::to_owned), "quantity {quantity}");
    }
}

async fn billed(client: &Client, aggregation: Value, filters: Value, events: Vec<Value>) -> Value {
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.customer("c1").await;
    let plan = client.plan("basic").await;
    let meter = client.metered("api", aggregation, filters).await;
    client.price(usage_price(&plan, &meter, json!({}))).await;
    let made = client.subscribe("c1", &plan, "2025-01-01T00:00:00Z", json!({})).await;
    let events: Vec<_> = events
        .into_iter()
        .enumerate()
        .map(|(number, properties)| {
            let at = format!("2025-01-10T12:00:{number:02}Z");
            event(&number.to_string(), "api", "c1", &at, properties)
        })
        .collect();
    client.send_events(&events).await;
    client.advance("2025-02-02T00:00:00Z").await;
    client.invoices(text(&made, "id")).await.remove(1)
}

/// No. 3 of spec 10 §18: what is no number counts as zero, and a negative one too.
#[tokio::test]
async fn every_aggregation_bills_its_quantity() {
    let rubbish = || [json!(4), json!("6.5"), json!("x"), json!(true), json!(null)].map(|n| json!({ "n": n })).to_vec();
    let numbers = || {
        let mut events = rubbish();
        events.push(json!({}));
        events.push(json!({"n": -3}));
        events
    };
    let users = ["u-7", "u-7", "42"].map(|user| json!({ "user": user })).into_iter().chain([json!({"user": 42}), json!({})]);
    for (aggregation, events, quantity) in [
        (json!({"type": "COUNT"}), numbers(), "7"),
        (json!({"type": "SUM", "field": "n"}), numbers(), "10.5"),
        (json!({"type": "AVG", "field": "n"}), numbers(), "1.5"),
        (json!({"type": "MAX", "field": "n"}), numbers(), "6.5"),
        (json!({"type": "LATEST", "field": "n"}), rubbish()[..2].to_vec(), "6.5"),
        (json!({"type": "SUM_WITH_MULTIPLIER", "field": "n", "multiplier": "2"}), numbers(), "21"),
        (json!({"type": "COUNT_UNIQUE", "field": "user"}), users.collect(), "2"),
    ] {
        let app = TestApp::start().await;
        let invoice = billed(&app.client(), aggregation.clone(), json!([]), events).await;
        assert_eq!(text(&invoice["line_items"][0], "quantity"), quantity, "{aggregation}: {invoice}");
    }
}

/// No. 1 and 2 of spec 10 §18.
#[tokio::test]
async fn filters_match_by_value() {
    let filters =
        json!([{"key": "region", "values": ["eu", "us"]}, {"key": "tier", "values": ["2"]}, {"key": "size", "values": ["2500000"]}]);
    let sized = |region: &str, tier: Value, size: Value| json!({"region": region, "tier": tier, "size": size});
    let events = vec![
        sized("eu", json!(2), json!(2_500_000)),
        sized("us", json!("2"), json!("2500000")),
        sized("us", json!(2.0), json!(2.5e6)),
        sized("EU", json!(2), json!(2_500_000)),
        sized("eu", json!(3), json!(2_500_000)),
        json!({"region": "eu", "tier": 2}),
    ];
    let app = TestApp::start().await;
    let invoice = billed(&app.client(), json!({"type": "COUNT"}), filters, events).await;
    assert_eq!(text(&invoice["line_items"][0], "quantity"), "3");
}

/// Spec 40 §20 no. 2: yen have no cents, dinars have three digits.
#[tokio::test]
async fn amounts_round_to_the_currency() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.customer("c1").await;
    let meter = client.counted("api").await;
    let mut made = Vec::new();
    for (currency, amount, expected) in [("jpy", "1499.5", "1500"), ("kwd", "12.3455", "12.346"), ("usd", "2.675", "2.68")] {
        let plan = client.plan(currency).await;
        client.price(usage_price(&plan, &meter, json!({"currency": currency, "amount": amount}))).await;
        let subscription = client.subscribe("c1", &plan, "2025-01-01T00:00:00Z", json!({"currency": currency.to_uppercase()})).await;
        made.push((subscription, expected));
    }
    client.send_events(&[event("one", "api", "c1", "2025-01-10T00:00:00Z", json!({}))]).await;
    client.advance("2025-02-02T00:00:00Z").await;
    for (subscription, expected) in made {
        let invoice = client.invoices(text(&subscription, "id")).await.remove(1);
        assert_eq!(text(&invoice, "total"), expected, "{}", text(&invoice, "currency"));
    }
}
