//! One number on every path: usage, analytics, preview and invoice agree, for any events in any order, sent any number of times.

use std::collections::BTreeMap;

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
        (json!({"type": "WEIGHTED_SUM", "field": "n"}), json!({"amount": "0.037"})),
        (json!({"type": "SUM_WITH_MULTIPLIER", "field": "n", "multiplier": "0.017"}), json!({"amount": "1.3"})),
    ] {
        let meter = client.metered("use", aggregation, json!([])).await;
        client.price(usage_price(&plan, &meter, with)).await;
    }
    let slab = json!({"billing_model": "TIERED", "tier_mode": "SLAB", "tiers": tiers});
    let package = json!({"billing_model": "PACKAGE", "amount": "4", "transform_quantity": {"divide_by": 30}});
    for (number, (aggregation, with)) in [
        (json!({"type": "SUM", "field": "n", "bucket_size": "HOUR"}), &slab),
        (json!({"type": "SUM", "field": "n", "bucket_size": "MONTH"}), &package),
        (json!({"type": "MAX", "field": "n", "bucket_size": "DAY"}), &slab),
        (json!({"type": "MAX", "field": "n", "bucket_size": "WEEK", "group_by": "user"}), &slab),
        (json!({"type": "MAX", "field": "n", "bucket_size": "15MIN", "group_by": "user"}), &package),
    ]
    .into_iter()
    .enumerate()
    {
        let meter = json!({"name": "bucketed", "event_name": "use", "aggregation": aggregation, "reset_usage": "BILLING_PERIOD"});
        let feature = json!({"name": format!("bucketed {number}"), "type": "metered", "meter": meter});
        let feature = client.post("/v1/features", &feature).await.expect(201);
        let meter = testkit::Metered { feature_id: text(&feature, "id").to_owned(), meter_id: text(&feature, "meter_id").to_owned() };
        client.price(usage_price(&plan, &meter, with.clone())).await;
    }
    for with in [slab, json!({"billing_model": "TIERED", "tier_mode": "VOLUME", "tiers": tiers}), package] {
        client.price(usage_price(&plan, &sum, with)).await;
    }
    plan
}

/// Amounts by subscription line, with the total; lines of 0, which analytics leave out, are left out.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    lines: BTreeMap<String, String>,
    total: String,
}

impl Said {
    fn new(answer: &Value, list: &str, id: &str, amount: &str, total: &str) -> Self {
        // Some are texts, some numbers.
        let digits = |value: &Value| value.to_string().trim_matches('"').to_owned();
        let lines = answer[list].as_array().unwrap().iter().map(|line| (text(line, id).to_owned(), digits(&line[amount])));
        Self { lines: lines.filter(|(_, amount)| amount != "0").collect(), total: digits(&answer[total]) }
    }

    fn of_invoice(invoice: &Value) -> Self {
        Self::new(invoice, "line_items", "subscription_line_item_id", "amount", "total")
    }
}

/// What subscription usage, analytics and preview say of a subscription's January.
async fn said(client: &Client, customer: &str, subscription: &Value) -> [Said; 3] {
    let january = json!({"start_time": "2025-01-01T00:00:00Z", "end_time": "2025-02-01T00:00:00Z"});
    let (mut usage, mut analytics) = (january.clone(), january);
    usage["subscription_id"] = subscription["id"].clone();
    analytics["external_customer_id"] = customer.into();
    let preview = json!({
        "subscription_id": subscription["id"], "period_start": "2025-01-01T00:00:00Z", "period_end": "2025-02-01T00:00:00Z",
    });
    let usage = client.post("/v1/subscriptions/usage", &usage).await.ok();
    let analytics = client.post("/v1/events/analytics", &analytics).await.ok();
    [
        Said::new(&usage, "charges", "subscription_line_item_id", "amount", "amount"),
        Said::new(&analytics, "items", "sub_line_item_id", "total_cost", "total_cost"),
        Said::of_invoice(&client.post("/v1/invoices/preview", &preview).await.ok()),
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
        found.push((said(client, customer, &subscription).await, subscription));
    }
    client.advance("2025-02-02T00:00:00Z").await;
    for (said, subscription) in &found {
        let invoice = Said::of_invoice(&client.invoices(text(subscription, "id")).await.remove(1));
        assert!(said.iter().all(|said| *said == invoice), "usage, analytics, preview {said:#?}, invoice {invoice:#?}");
    }
    let totals = |said: &[Said; 3]| said.iter().map(|said| said.total.clone()).collect::<Vec<_>>();
    assert_eq!(totals(&found[0].0), totals(&found[1].0), "order and copies changed a total");
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
