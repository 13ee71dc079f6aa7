//! Invoice numbers: without gaps, once each, one counter a month (spec 40 §11, §20 no. 15, 16).

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{Client, TestApp, event, usage_price};

use super::text;

/// One draft of January for each of these customers, computed and not final.
async fn drafts(client: &Client, customers: usize) -> Vec<String> {
    client.set_clock("2025-01-01T00:00:00Z").await;
    let plan = client.plan("basic").await;
    let meter = client.counted("api").await;
    client.price(usage_price(&plan, &meter, json!({}))).await;
    let mut subscriptions = Vec::new();
    for number in 0..customers {
        let name = format!("c{number}");
        client.customer(&name).await;
        subscriptions.push(client.subscribe(&name, &plan, "2025-01-01T00:00:00Z", json!({})).await);
        client.send_events(&[event(&name, "api", &name, "2025-01-10T00:00:00Z", json!({}))]).await;
    }
    client.advance("2025-02-01T00:30:00Z").await;
    let mut drafts = Vec::new();
    for subscription in &subscriptions {
        let invoice = client.invoices(text(subscription, "id")).await.remove(1);
        assert_eq!(text(&invoice, "invoice_status"), "DRAFT");
        drafts.push(text(&invoice, "id").to_owned());
    }
    drafts
}

async fn finalized(client: &Client) -> Vec<Value> {
    let found = client.post("/v1/invoices/search", &json!({"invoice_status": ["FINALIZED"], "limit": 1000})).await.ok();
    found["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn concurrent_finalizations_leave_no_gap() {
    let app = TestApp::start().await;
    let client = app.client();
    let drafts = drafts(&client, 8).await;
    let mut running = tokio::task::JoinSet::new();
    // Each twice at once.
    for id in drafts.iter().chain(&drafts) {
        let (client, path) = (client.clone(), format!("/v1/invoices/{id}/finalize"));
        running.spawn(async move { client.post(&path, &json!({})).await.status });
    }
    let statuses = running.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 8, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 8, "{statuses:?}");
    let invoices = finalized(&client).await;
    let numbers: BTreeSet<String> = invoices.iter().map(|invoice| text(invoice, "invoice_number").to_owned()).collect();
    let expected: BTreeSet<String> = (1..=8).map(|number| format!("INV-202502-{number:05}")).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test]
async fn the_counter_begins_anew_each_month() {
    let app = TestApp::start().await;
    let client = app.client();
    client.set_clock("2025-01-15T00:00:00Z").await;
    let plan = super::fixed_plan(&client, "10", "ADVANCE").await;
    let made = client.subscribe("acme", &plan, "2025-01-15T00:00:00Z", json!({})).await;
    client.subscribe("acme", &plan, "2025-01-15T00:00:00Z", json!({})).await;
    client.advance("2025-03-20T00:00:00Z").await;
    let invoices = client.invoices(text(&made, "id")).await;
    let months: Vec<_> = invoices.iter().map(|invoice| text(invoice, "invoice_number")[..10].to_owned()).collect();
    assert_eq!(months, ["INV-202501", "INV-202502", "INV-202503"]);
    let mut all: Vec<_> = finalized(&client).await.iter().map(|invoice| text(invoice, "invoice_number").to_owned()).collect();
    all.sort();
    let expected = ["202501", "202502", "202503"].iter().flat_map(|month| (1..=2).map(move |n| format!("INV-{month}-{n:05}")));
    assert_eq!(all, expected.collect::<Vec<_>>());
    let sequences: Vec<_> = invoices.iter().map(|invoice| invoice["billing_sequence"].as_i64().unwrap()).collect();
    assert_eq!(sequences, [1, 2, 3]);
}

/// No. 16, as far as HTTP reaches it: two at once compute one draft, and its lines stand there once.
#[tokio::test]
async fn concurrent_computations_make_one_set_of_lines() {
    let app = TestApp::start().await;
    let client = app.client();
    let draft = drafts(&client, 1).await.remove(0);
    let path = format!("/v1/invoices/{draft}/compute");
    let body = json!({});
    let (a, b) = tokio::join!(client.post(&path, &body), client.post(&path, &body));
    let statuses = [a.status, b.status];
    assert!(statuses.contains(&200) && statuses.iter().all(|status| matches!(status, 200 | 409)), "{statuses:?}");
    let invoice = client.get(&format!("/v1/invoices/{draft}")).await.ok();
    assert_eq!((text(&invoice, "total"), invoice["line_items"].as_array().unwrap().len()), ("1", 1));
}
