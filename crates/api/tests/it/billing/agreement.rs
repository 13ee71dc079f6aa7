//! One number on every path: usage, analytics, preview and invoice agree, for any events in any order, sent any number of times.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use testkit::{Client, TestApp, event, usage_price};

use super::text;

/// What a customer did: day and second of January, a number, a name; some of it is sent twice.
#[derive(Clone, Debug)]
struct Sent {
    second: u32,
    amount: String,
    user: u8,
    copies: usize,
}

fn sent() -> impl Strategy<Value = Sent> {
    let amount = prop_oneof![
        (-5_i32..2000).prop_map(|n| n.to_string()),
        (0_u32..100_000).prop_map(|n| format!("{}.{:03}", n / 1000, n % 1000)),
        Just("no number".to_owned()),
    ];
    (0_u32..31 * 86_400, amount, 0_u8..6, 1_usize..4).prop_map(|(second, amount, user, copies)| Sent { second, amount, user, copies })
}

fn events(customer: &str, sent: &[Sent]) -> Vec<Value> {
    let one = |(number, sent): (usize, &Sent)| {
        let (day, rest) = (sent.second / 86_400 + 1, sent.second % 86_400);
        let at = format!("2025-01-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60);
        let properties = json!({"n": sent.amount, "user": sent.user});
        vec![event(&format!("{customer}-{number}"), "use", customer, &at, properties); sent.copies]
    };
    sent.iter().enumerate().flat_map(one).collect()
}

/// A plan that bills one event by every aggregation and model.
async fn plan(client: &Client) -> String {
    let plan = client.plan("everything").await;
    let tiers = json!([{"up_to": 100, "unit_amount": "0.5", "flat_amount": "2"}, {"unit_amount": "0.125"}]);
    let sum = client.metered("use", json!({"type": "SUM", "field": "n"}), json!([])).await;
    for (aggregation, with) in [
        (json!({"type": "COUNT"}), json!({"amount": "0.333"})),
        (json!({"type": "COUNT_UNIQUE", "field": "user"}), json!({"amount": "9.99"})),
        (json!({"type": "MAX", "field": "n"}), json!({"amount": "0.017"})),
        (json!({"type": "AVG", "field": "n"}), json!({"amount": "1.1"})),
        (json!({"type": "LATEST", "field": "n"}), json!({"amount": "0.7"})),
    ] {
        let meter = client.metered("use", aggregation, json!([])).await;
        client.price(usage_price(&plan, &meter, with)).await;
    }
    for with in [
        json!({"billing_model": "TIERED", "tier_mode": "SLAB", "tiers": tiers}),
        json!({"billing_model": "TIERED", "tier_mode": "VOLUME", "tiers": tiers}),
        json!({"billing_model": "PACKAGE", "amount": "4", "transform_quantity": {"divide_by": 30}}),
    ] {
        client.price(usage_price(&plan, &sum, with)).await;
    }
    plan
}

/// What the four paths say of a subscription's January.
async fn totals(client: &Client, customer: &str, subscription: &Value) -> [String; 3] {
    let january = json!({"start_time": "2025-01-01T00:00:00Z", "end_time": "2025-02-01T00:00:00Z"});
    let (mut usage, mut analytics) = (january.clone(), january);
    usage["subscription_id"] = subscription["id"].clone();
    analytics["external_customer_id"] = customer.into();
    let preview = json!({
        "subscription_id": subscription["id"], "period_start": "2025-01-01T00:00:00Z", "period_end": "2025-02-01T00:00:00Z",
    });
    [
        client.post("/v1/subscriptions/usage", &usage).await.ok()["amount"].to_string(),
        text(&client.post("/v1/events/analytics", &analytics).await.ok(), "total_cost").to_owned(),
        text(&client.post("/v1/invoices/preview", &preview).await.ok(), "total").to_owned(),
    ]
}

async fn check(client: &Client, plan: &str, round: usize, sent: &[Sent], shuffled: &[usize]) {
    let (first, second) = (format!("first-{round}"), format!("second-{round}"));
    let mut found = Vec::new();
    for customer in [&first, &second] {
        client.customer(customer).await;
        let subscription = client.subscribe(customer, plan, "2025-01-01T00:00:00Z", json!({})).await;
        let mut events = events(customer, sent);
        if customer == &second {
            // Another order, and everything once more in the end.
            let order = |index: usize| shuffled.get(index % shuffled.len()).copied().unwrap_or_default();
            let mut keyed: Vec<_> = events.into_iter().enumerate().map(|(index, event)| (order(index), event)).collect();
            keyed.sort_by_key(|(order, _)| *order);
            events = keyed.into_iter().map(|(_, event)| event).collect();
            events.extend(events.clone());
        }
        client.send_events(&events).await;
        found.push((totals(client, customer, &subscription).await, subscription));
    }
    client.advance("2025-02-02T00:00:00Z").await;
    for (totals, subscription) in &found {
        let bill = client.invoices(text(subscription, "id")).await.remove(1);
        let invoice = text(&bill, "total");
        assert!(totals.iter().all(|total| total == invoice), "usage, analytics, preview {totals:?}, invoice {invoice}");
    }
    assert_eq!(found[0].0, found[1].0, "order and copies changed a total");
    client.set_clock("2025-01-01T00:00:00Z").await;
}

#[test]
fn every_path_gives_the_same_number() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (app, plan) = runtime.block_on(async {
        let app = TestApp::start().await;
        app.client().set_clock("2025-01-01T00:00:00Z").await;
        let plan = plan(&app.client()).await;
        (app, plan)
    });
    let round = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, max_shrink_iters: 30, ..Config::default() });
    let strategy = (proptest::collection::vec(sent(), 1..60), proptest::collection::vec(any::<usize>(), 1..60));
    runner
        .run(&strategy, |(sent, shuffled)| {
            round.set(round.get() + 1);
            runtime.block_on(check(&app.client(), &plan, round.get(), &sent, &shuffled));
            Ok(())
        })
        .unwrap();
}
