//! Random meters, prices, events and questions: every item and point of the answer is what the plain formula says, and without groups every
//! line costs what subscription usage and the preview say.

use std::collections::BTreeMap;

use domain::time::Timestamp;
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use testkit::{Client, TestApp, usage_price};

use super::oracle::{Calendar, Group, Item, MeterSpec, PriceSpec, Question, SECOND, SIZES, Sent, TierSpec, items};
use super::text;

/// 2025-01-01T00:00:00Z in seconds.
const JANUARY: i64 = 1_735_689_600;
/// As far as events go: 2025-02-14.
const SECONDS: i64 = 44 * 86_400;
const KINDS: [&str; 8] = ["COUNT", "SUM", "AVG", "COUNT_UNIQUE", "LATEST", "SUM_WITH_MULTIPLIER", "MAX", "WEIGHTED_SUM"];
/// Zones without change of clocks in that time.
const ZONES: [(&str, i64); 3] = [("UTC", 0), ("Asia/Kolkata", 19_800), ("America/New_York", -18_000)];

#[derive(Clone, Debug)]
struct Case {
    meters: Vec<(MeterSpec, PriceSpec)>,
    events: Vec<Sent>,
    questions: Vec<Question>,
    zone: usize,
    /// The second on which the subscription begins.
    begin: i64,
}

fn meter() -> impl Strategy<Value = MeterSpec> {
    let standard = (select(KINDS.to_vec()), 1..5000_i64).prop_map(|(kind, multiplier)| MeterSpec {
        kind,
        bucket: None,
        by_node: false,
        multiplier: (kind == "SUM_WITH_MULTIPLIER").then_some(multiplier),
    });
    let bucketed = (select(vec!["SUM", "MAX"]), 0..SIZES.len(), any::<bool>()).prop_map(|(kind, bucket, by_node)| MeterSpec {
        kind,
        bucket: Some(bucket),
        by_node: by_node && kind == "MAX",
        multiplier: None,
    });
    prop_oneof![standard, bucketed]
}

fn price() -> impl Strategy<Value = PriceSpec> {
    let tiers = prop::collection::vec((1..40_i64, 0..3000_i64, 0..5000_i64), 2..4).prop_map(|tiers| {
        let mut up_to = 0;
        let tier = |(width, unit, flat)| {
            up_to += width;
            TierSpec { up_to, unit, flat }
        };
        tiers.into_iter().map(tier).collect()
    });
    prop_oneof![
        (0..5000_i64).prop_map(|amount| PriceSpec::Flat { amount }),
        (0..5000_i64, 1..20_i64, any::<bool>()).prop_map(|(amount, size, up)| PriceSpec::Package { amount, size, up }),
        (any::<bool>(), tiers).prop_map(|(volume, tiers)| PriceSpec::Tiered { volume, tiers }),
    ]
}

/// Often on a bound of windows, or beside one.
fn second() -> impl Strategy<Value = i64> {
    prop_oneof![
        0..SECONDS,
        (0..44_i64, select(vec![0, 1, 3599, 3600, 18_000, 43_200, 66_599, 66_600, 86_399])).prop_map(|(day, second)| day * 86_400 + second),
        (0..3_i64, 0..7200_i64).prop_map(|(day, second)| (day * 9 + 9) * 86_400 + second),
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    let amount = prop_oneof![4 => (-3000..40_000_i64).prop_map(Some), 1 => Just(None)];
    let text = || prop::option::of(0..3_u8);
    let region = select(vec![None, Some("eu"), Some("us")]);
    (second(), any::<bool>(), amount, text(), text(), region, select(vec!["", "web", "app"])).prop_map(
        |(second, half, amount, user, node, region, source)| Sent {
            at: (JANUARY + second) * SECOND + if half { SECOND / 2 } else { 0 },
            id: String::new(),
            amount,
            user,
            node,
            region,
            source,
        },
    )
}

fn question() -> impl Strategy<Value = Question> {
    let filter = |values: Vec<&'static str>| prop_oneof![2 => Just(Vec::new()), 1 => prop::sample::subsequence(values, 1..=2)];
    let time = (second(), second(), prop::option::of(0..SIZES.len()));
    (time, any::<(bool, bool, bool)>(), any::<bool>(), filter(vec!["web", "app", ""]), filter(vec!["eu", "us"])).prop_map(
        |((one, other, window), (by_source, by_region, by_node), whole, sources, regions)| Question {
            start: (JANUARY + one.min(other)) * SECOND,
            end: (JANUARY + one.max(other) + 1) * SECOND,
            window,
            by_source: by_source && !whole,
            by_region: by_region && !whole,
            by_node: by_node && !whole,
            sources,
            regions,
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let begin = select(vec![0_i64, 9 * 86_400 + 21_600, 30 * 86_400]);
    (
        prop::collection::vec((meter(), price()), 1..4),
        prop::collection::vec(sent(), 0..70),
        prop::collection::vec(question(), 3),
        0..ZONES.len(),
        begin,
    )
        .prop_map(|(meters, events, questions, zone, begin)| Case { meters, events, questions, zone, begin })
}

fn time(micros: i64) -> String {
    Timestamp::from_micros(micros).to_string()
}

fn decimal(thousandths: i64) -> String {
    format!("{}{}.{:03}", if thousandths < 0 { "-" } else { "" }, thousandths.abs() / 1000, thousandths.abs() % 1000)
}

/// The value of a decimal text.
fn exact(text: &str) -> BigRational {
    let (integer, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: BigInt = format!("{integer}{fraction}").parse().unwrap_or_else(|error| panic!("{error}: {text}"));
    BigRational::new(digits, BigInt::from(10).pow(u32::try_from(fraction.len()).unwrap()))
}

fn body_of(price: &PriceSpec) -> Value {
    match price {
        PriceSpec::Flat { amount } => json!({"amount": decimal(*amount)}),
        PriceSpec::Package { amount, size, up } => {
            let transform = json!({"divide_by": size, "round": if *up { "up" } else { "down" }});
            json!({"billing_model": "PACKAGE", "amount": decimal(*amount), "transform_quantity": transform})
        }
        PriceSpec::Tiered { volume, tiers } => {
            let tier = |(index, tier): (usize, &TierSpec)| {
                let up_to = if index + 1 == tiers.len() { Value::Null } else { tier.up_to.into() };
                json!({"up_to": up_to, "unit_amount": decimal(tier.unit), "flat_amount": decimal(tier.flat)})
            };
            let tiers: Vec<_> = tiers.iter().enumerate().map(tier).collect();
            json!({"billing_model": "TIERED", "tier_mode": if *volume { "VOLUME" } else { "SLAB" }, "tiers": tiers})
        }
    }
}

fn body_of_event(name: &str, customer: &str, sent: &Sent) -> Value {
    let mut properties = json!({"n": sent.amount.map_or("no number".to_owned(), decimal)});
    if let Some(user) = sent.user {
        properties["user"] = user.into();
    }
    if let Some(node) = sent.node {
        properties["node"] = node.into();
    }
    if let Some(region) = sent.region {
        properties["region"] = region.into();
    }
    let mut event = testkit::event(&format!("{customer} {}", sent.id), name, customer, &time(sent.at), properties);
    event["source"] = sent.source.into();
    event
}

/// Makes a customer with its subscription, and returns that and the meters' ids.
async fn set_up(client: &Client, round: usize, case: &Case) -> (Value, Vec<String>) {
    let (name, customer) = (format!("use {round}"), format!("customer {round}"));
    client.customer_with(&customer, json!({"timezone": ZONES[case.zone].0})).await;
    let plan = client.plan(&customer).await;
    let mut ids = Vec::new();
    for (meter, price) in &case.meters {
        let mut aggregation = json!({"type": meter.kind});
        if meter.kind != "COUNT" {
            aggregation["field"] = if meter.kind == "COUNT_UNIQUE" { "user" } else { "n" }.into();
        }
        if let Some(multiplier) = meter.multiplier {
            aggregation["multiplier"] = decimal(multiplier).into();
        }
        if let Some(bucket) = meter.bucket {
            aggregation["bucket_size"] = SIZES[bucket].0.into();
        }
        if meter.by_node {
            aggregation["group_by"] = "node".into();
        }
        // Lookup keys are made from names, so each feature needs its own.
        let body = json!({"name": format!("{name} {}", ids.len()), "event_name": name, "aggregation": aggregation, "reset_usage": "BILLING_PERIOD"});
        let made = client.post("/v1/meters", &body).await.expect(201);
        let metered = testkit::Metered { feature_id: String::new(), meter_id: text(&made, "id").to_owned() };
        client.price(usage_price(&plan, &metered, body_of(price))).await;
        ids.push(metered.meter_id);
    }
    let subscription = client.subscribe(&customer, &plan, &time((JANUARY + case.begin) * SECOND), json!({})).await;
    let mut sent: Vec<Value> = case.events.iter().map(|sent| body_of_event(&name, &customer, sent)).collect();
    // Another customer's events, and copies, count nowhere.
    sent.extend(case.events.iter().take(5).map(|sent| body_of_event(&name, &format!("other {round}"), sent)));
    sent.extend(sent.clone().into_iter().take(20));
    if !sent.is_empty() {
        client.send_events(&sent).await;
    }
    (subscription, ids)
}

fn body_of_question(customer: &str, question: &Question) -> Value {
    let mut body = json!({
        "external_customer_id": customer, "start_time": time(question.start), "end_time": time(question.end), "sources": question.sources,
    });
    let by = [(question.by_source, "source"), (question.by_region, "properties.region"), (question.by_node, "properties.node")];
    body["group_by"] = by.iter().filter(|(by, _)| *by).map(|(_, name)| *name).collect();
    if !question.regions.is_empty() {
        body["property_filters"] = json!({ "region": question.regions });
    }
    if let Some(window) = question.window {
        body["window_size"] = SIZES[window].0.into();
    }
    body
}

/// Items of an answer by meter and group.
fn found(answer: &Value) -> BTreeMap<(String, Group), Item> {
    let group_of = |item: &Value| {
        let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (of(&item["source"]), of(&item["properties"]["region"]), of(&item["properties"]["node"]))
    };
    let point = |point: &Value| {
        let at: Timestamp = text(point, "timestamp").parse().unwrap();
        (at.micros(), exact(text(point, "usage")), exact(text(point, "cost")), point["event_count"].as_i64().unwrap())
    };
    let item = |item: &Value| {
        let found = Item {
            usage: exact(text(item, "total_usage")),
            events: item["event_count"].as_i64().unwrap(),
            cost: exact(text(item, "total_cost")),
            points: item["points"].as_array().unwrap().iter().map(point).collect(),
        };
        ((text(item, "meter_id").to_owned(), group_of(item)), found)
    };
    super::items(answer).iter().map(item).collect()
}

/// Amounts by subscription line; zero ones are left out.
fn amounts(lines: &Value, id: &str, amount: &str) -> BTreeMap<String, BigRational> {
    let exact = |value: &Value| exact(value.as_str().unwrap_or(&value.to_string()));
    let lines = lines.as_array().unwrap().iter().map(|line| (text(line, id).to_owned(), exact(&line[amount])));
    lines.filter(|(_, amount)| *amount != BigRational::default()).collect()
}

async fn check(client: &Client, round: usize, case: &Case) {
    let (subscription, meters) = set_up(client, round, case).await;
    let customer = format!("customer {round}");
    let line_start = (JANUARY + case.begin) * SECOND;
    let calendar = Calendar { offset_seconds: ZONES[case.zone].1, line_start, anchor_day: case.begin / 86_400 + 1 };
    for question in &case.questions {
        let body = body_of_question(&customer, question);
        let answer = client.post("/v1/events/analytics", &body).await.ok();
        let mut expected = BTreeMap::new();
        for ((meter, price), id) in case.meters.iter().zip(&meters) {
            let items = items(&case.events, meter, price, question, calendar);
            expected.extend(items.into_iter().map(|(group, item)| ((id.clone(), group), item)));
        }
        assert_eq!(found(&answer), expected, "{body}");
    }
    let (start, end) = (&subscription["current_period_start"], &subscription["current_period_end"]);
    let id = &subscription["id"];
    let asked = json!({"external_customer_id": customer, "start_time": start, "end_time": end});
    let analytics = client.post("/v1/events/analytics", &asked).await.ok();
    let usage = client.post("/v1/subscriptions/usage", &json!({"subscription_id": id, "start_time": start, "end_time": end})).await.ok();
    let preview = json!({"subscription_id": id, "period_start": start, "period_end": end});
    let preview = client.post("/v1/invoices/preview", &preview).await.ok();
    let costs = amounts(&analytics["items"], "sub_line_item_id", "total_cost");
    assert_eq!(amounts(&usage["charges"], "subscription_line_item_id", "amount"), costs);
    assert_eq!(amounts(&preview["line_items"], "subscription_line_item_id", "amount"), costs);
}

#[test]
fn analytics_are_what_the_plain_formula_says() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(async {
        let app = TestApp::start().await;
        app.client().set_clock("2025-01-31T12:00:00Z").await;
        app
    });
    let round = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, max_shrink_iters: 60, ..Config::default() });
    runner
        .run(&case(), |mut case| {
            for (number, sent) in case.events.iter_mut().enumerate() {
                sent.id = format!("{number:04}");
            }
            round.set(round.get() + 1);
            runtime.block_on(check(&app.client(), round.get(), &case));
            Ok(())
        })
        .unwrap();
}
