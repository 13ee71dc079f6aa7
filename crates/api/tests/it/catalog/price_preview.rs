//! What quantities would cost at a price that is not made.

use serde_json::{Value, json};
use testkit::TestApp;

#[tokio::test]
async fn a_draft_is_priced_as_an_invoice_would_and_nothing_is_made() {
    let app = TestApp::start().await;
    let client = app.client();
    let meter = client.counted("api").await;
    let before = client.dump().await;
    let draft = |with: Value| {
        let mut draft = json!({
            "type": "USAGE", "meter_id": meter.meter_id, "currency": "usd", "billing_period": "MONTHLY", "invoice_cadence": "ARREAR",
        });
        draft.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        draft
    };
    // Spec 20 §16 no. 1.
    let tiers = json!([
        {"up_to": 250, "unit_amount": "0.08", "flat_amount": "3"}, {"up_to": 1000, "unit_amount": "0.05"},
        {"unit_amount": "0.02", "flat_amount": "10"},
    ]);
    let tiered = draft(json!({"billing_model": "TIERED", "tier_mode": "SLAB", "tiers": tiers}));
    let asked = json!({"price": tiered, "quantities": ["0", "250.5", "1000.001", "1400"]});
    let answer = client.post("/v1/prices/preview", &asked).await.ok();
    let amounts: Vec<_> = answer["quotes"].as_array().unwrap().iter().map(|quote| json!([quote["amount"], quote["exact"]])).collect();
    assert_eq!(amounts, [json!(["0", "0"]), json!(["23.03", "23.025"]), json!(["70.5", "70.50002"]), json!(["78.5", "78.5"])]);
    assert_eq!(answer["quotes"][3]["steps"].as_array().unwrap().len(), 3);
    for (wrong, part) in [
        (json!({"quantities": ["1"]}), "price"),
        (json!({"price": tiered, "quantities": []}), "quantities"),
        (json!({"price": draft(json!({"billing_model": "FLAT_FEE"})), "quantities": ["1"]}), "price.amount"),
    ] {
        let refusal = client.post("/v1/prices/preview", &wrong).await.invalid();
        assert!(refusal.to_string().contains(part), "{part}: {refusal}");
    }
    let unknown = json!({"price": draft(json!({"billing_model": "FLAT_FEE", "amount": "1", "meter_id": "meter_x"})), "quantities": ["1"]});
    client.post("/v1/prices/preview", &unknown).await.not_found();
    assert_eq!(client.dump().await, before);
}
