//! A price that has an end is billed until then and no longer, beside its successor: whatever ended it, whatever its kind, wherever the
//! subscription's start lies, and on every path alike (spec 20 §5.3, spec 30 §2.2).

use serde_json::{Value, json};
use testkit::{Client, Metered, TestApp, event, fixed_price, usage_price};

use super::{invoices, lines, text};

const TURN: &str = "2025-02-01T00:00:00Z";

/// How a price of 1 ends on February 1, for one of 9.
#[derive(Clone, Copy, Debug)]
enum Ended {
    /// A successor that is announced.
    Replaced,
    /// It was made with an end, beside another that begins there.
    EndDate,
    /// It is deleted for a date, and another begins there.
    Deleted,
    /// The plan is a copy of one with an announced successor.
    Cloned,
}

/// A plan with such a price and its successor, announced in January.
async fn plan(client: &Client, ended: Ended, meter: Option<&Metered>) -> String {
    let plan = client.plan(&format!("{ended:?}")).await;
    let rate = |amount: &str, with: Value| match meter {
        Some(meter) => {
            let mut body = usage_price(&plan, meter, with);
            body["amount"] = amount.into();
            body
        }
        None => fixed_price(&plan, amount, "ARREAR", with),
    };
    let successor = rate("9", json!({"start_date": TURN, "display_name": "new"}));
    match ended {
        Ended::EndDate => {
            client.price(rate("1", json!({"start_date": "2024-01-01T00:00:00Z", "end_date": TURN, "display_name": "old"}))).await;
            client.price(successor).await;
        }
        Ended::Deleted => {
            let old = client.price(rate("1", json!({"start_date": "2024-01-01T00:00:00Z", "display_name": "old"}))).await;
            let body = json!({"end_date": TURN}).to_string();
            client.send(axum::http::Method::DELETE, &format!("/v1/prices/{old}"), body).await.ok();
            client.price(successor).await;
        }
        Ended::Replaced | Ended::Cloned => {
            let old = client.price(rate("1", json!({"start_date": "2024-01-01T00:00:00Z", "display_name": "old"}))).await;
            let change = json!({"amount": "9", "effective_from": TURN, "display_name": "new"});
            client.put(&format!("/v1/prices/{old}"), &change).await.ok();
        }
    }
    if !matches!(ended, Ended::Cloned) {
        return plan;
    }
    let copy = client.post(&format!("/v1/plans/{plan}/clone"), &json!({"name": "copy", "lookup_key": "copy"})).await.expect(201);
    text(&copy, "id").to_owned()
}

/// What is told of a time before its invoice: preview, subscription usage, analytics.
async fn told(client: &Client, made: &Value, start: &str, end: &str) -> [String; 3] {
    let digits = |value: &Value| value.to_string().trim_matches('"').to_owned();
    let asked = json!({"subscription_id": made["id"], "period_start": start, "period_end": end});
    let preview = client.post("/v1/invoices/preview", &asked).await.ok();
    let asked = json!({"subscription_id": made["id"], "start_time": start, "end_time": end});
    let usage = client.post("/v1/subscriptions/usage", &asked).await.ok();
    let asked = json!({"external_customer_id": "acme", "start_time": start, "end_time": end});
    let analytics = client.post("/v1/events/analytics", &asked).await.ok();
    [digits(&preview["total"]), digits(&usage["amount"]), digits(&analytics["total_cost"])]
}

#[tokio::test]
async fn usage_is_billed_by_the_price_of_its_time_on_every_path() {
    for ended in [Ended::Replaced, Ended::EndDate, Ended::Deleted, Ended::Cloned] {
        // Before the end, backdated or to come; with the end; after it.
        for (now, start, running) in [
            ("2025-01-09T00:00:00Z", "2025-01-10T00:00:00Z", "9"),
            ("2025-01-20T00:00:00Z", "2025-01-10T00:00:00Z", "9"),
            ("2025-01-20T00:00:00Z", TURN, "27"),
            ("2025-01-20T00:00:00Z", "2025-02-10T00:00:00Z", "9"),
        ] {
            let app = TestApp::start().await;
            let client = app.client();
            client.set_clock(now).await;
            client.customer("acme").await;
            let meter = client.counted("api").await;
            let plan = plan(&client, ended, Some(&meter)).await;
            let made = client.subscribe("acme", &plan, start, json!({})).await;
            client.advance("2025-02-16T00:00:00Z").await;
            // 1 in the old price's last microsecond; then 9 each: in the successor's first instant, on the 3rd, on the 15th.
            for (id, at) in
                [("a", "2025-01-31T23:59:59.999999Z"), ("b", TURN), ("c", "2025-02-03T00:00:00Z"), ("d", "2025-02-15T00:00:00Z")]
            {
                client.send_events(&[event(id, "api", "acme", at, json!({}))]).await;
            }
            let case = format!("{ended:?} {now} {start}");
            let current = client.subscription(text(&made, "id")).await;
            let (from, until) = (text(&current, "current_period_start").to_owned(), text(&current, "current_period_end").to_owned());
            assert_eq!(told(&client, &made, &from, &until).await, [running; 3], "{case}: what runs");
            if start.starts_with("2025-01-10") {
                // 1 + 9 + 9 by February 10.
                assert_eq!(told(&client, &made, "2025-01-10T00:00:00Z", "2025-02-10T00:00:00Z").await, ["19"; 3], "{case}");
            }
            client.advance("2025-03-11T00:00:00Z").await;
            let totals: Vec<String> =
                invoices(&client, &made).await.iter().filter_map(|line| Some(line.rsplit(' ').next()?.to_owned())).collect();
            assert!(totals.contains(&running.to_owned()), "{case}: {totals:?}");
        }
    }
}

/// 31 days from January 10: 22 of them at 31.00 a month, 9 at 62.00, then the whole at 62.00.
#[tokio::test]
async fn fixed_fees_are_billed_each_for_its_part() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-09T00:00:00Z").await;
    client.customer("acme").await;
    let plan = client.plan("rent").await;
    let old = client.price(fixed_price(&plan, "31", "ARREAR", json!({"start_date": "2024-01-01T00:00:00Z", "display_name": "old"}))).await;
    client.put(&format!("/v1/prices/{old}"), &json!({"amount": "62", "effective_from": TURN, "display_name": "new"})).await.ok();
    let made = client.subscribe("acme", &plan, "2025-01-10T00:00:00Z", json!({})).await;
    client.advance("2025-03-11T00:00:00Z").await;
    let found = client.invoices(text(&made, "id")).await;
    let of = |index: usize| lines(&found[index]).into_iter().map(|(name, amount)| format!("{name} {amount}")).collect::<Vec<_>>();
    // 31.00 * 22 / 31 and 62.00 * 9 / 31.
    assert_eq!((of(1), of(2)), (vec!["new 18".to_owned(), "old 22".to_owned()], vec!["new 62".to_owned()]));
}
