//! What may be used, over HTTP: the rules themselves are proven in `domain`.

mod effective;
mod invoiced;

use serde_json::{Value, json};
use testkit::{Client, Metered, TestApp};

/// The body of a limit of a plan.
fn limit(plan: &str, meter: &Metered, with: Value) -> Value {
    let mut body = json!({"plan_id": plan, "feature_id": meter.feature_id, "feature_type": "metered"});
    body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
    body
}

async fn entitle(client: &Client, body: Value) -> String {
    client.post("/v1/entitlements", &body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

/// Spec 20 §9.1.
#[tokio::test]
async fn what_does_not_fit_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    let client = app.client();
    let (plan, meter) = (client.plan("basic").await, client.counted("api").await);
    let highest = json!({"type": "MAX", "field": "n", "bucket_size": "HOUR"});
    let highest = client.metered("peak", highest, json!([])).await;
    entitle(&client, limit(&plan, &meter, json!({"usage_limit": 5}))).await;
    let other = client.counted("calls").await;
    let before = client.dump().await;
    let again = limit(&plan, &meter, json!({}));
    let refusal = client.post("/v1/entitlements", &again).await.refused(409, "already_exists");
    assert!(refusal.to_string().contains(&meter.feature_id), "{refusal}");
    for (body, part) in [
        (json!({"feature_id": other.feature_id, "feature_type": "metered"}), "entity_type"),
        (limit(&plan, &other, json!({"feature_type": "boolean"})), "feature_type must be metered"),
        (limit(&plan, &other, json!({"usage_limit": -1})), "0 or more"),
        (limit(&plan, &other, json!({"static_value": "gold"})), "static_value goes with static"),
        (limit(&plan, &highest, json!({"usage_limit": 1})), "MAX with bucket_size"),
        (limit(&plan, &other, json!({"usage_reset_period": "HOURLY"})), "HALF_YEARLY"),
    ] {
        let refusal = client.post("/v1/entitlements", &body).await.invalid();
        assert!(refusal.to_string().contains(part), "{part}: {refusal}");
    }
    for body in [
        limit("plan_unknown", &other, json!({})),
        json!({"plan_id": plan, "feature_id": "feat_unknown", "feature_type": "metered"}),
        json!({"entity_type": "ADDON", "entity_id": "addon_unknown", "feature_id": other.feature_id, "feature_type": "metered"}),
    ] {
        client.post("/v1/entitlements", &body).await.not_found();
    }
    for grant in [json!({"aggregation_mode": "parallel"}), json!({"grant_quota": "10"})] {
        client.post("/v1/entitlements", &limit(&plan, &other, grant)).await.refused(501, "not_implemented");
    }
    // All or none.
    let bulk = json!({"items": [limit(&plan, &other, json!({})), limit(&plan, &other, json!({"usage_limit": 1}))]});
    let refusal = client.post("/v1/entitlements/bulk", &bulk).await.invalid();
    assert!(refusal.to_string().contains("index"), "{refusal}");
    let second = json!({"items": [limit(&plan, &other, json!({})), limit(&plan, &meter, json!({}))]});
    let refusal = client.post("/v1/entitlements/bulk", &second).await.refused(409, "already_exists");
    assert!(refusal.to_string().contains(&meter.feature_id) && refusal["details"]["index"] == "1", "{refusal}");
    client.post("/v1/entitlements/bulk", &json!({"items": []})).await.invalid();
    assert_eq!(client.dump().await, before);
}

#[tokio::test]
async fn an_entitlement_is_changed_and_found_by_what_it_is() {
    let app = TestApp::start().await;
    let client = app.client();
    let (plan, meter) = (client.plan("basic").await, client.counted("api").await);
    let id = entitle(&client, limit(&plan, &meter, json!({"usage_limit": 5, "usage_reset_period": "DAILY"}))).await;
    let path = format!("/v1/entitlements/{id}");
    let read = client.get(&path).await.ok();
    assert_eq!((&read["plan"]["id"], &read["feature"]["id"]), (&json!(plan), &json!(meter.feature_id)));
    assert_eq!((&read["feature"]["meter"]["id"], &read["is_enabled"]), (&json!(meter.meter_id), &json!(true)));
    let soft = client.put(&path, &json!({"is_soft_limit": true, "usage_reset_period": ""})).await.ok();
    assert_eq!((&soft["usage_limit"], &soft["usage_reset_period"], &soft["is_soft_limit"]), (&json!(5), &json!("DAILY"), &json!(true)));
    // Spec 20 §15 no. 5.
    let unlimited = client.put(&path, &json!({"usage_limit": 0})).await.ok();
    assert_eq!(unlimited["usage_limit"], Value::Null);
    let found = async |query: Value| client.post("/v1/entitlements/search", &query).await.ok()["pagination"]["total"].clone();
    for (query, total) in [
        (json!({"plan_ids": [plan]}), 1),
        (json!({"entity_ids": [plan], "entity_type": "PLAN"}), 1),
        (json!({"entity_type": "SUBSCRIPTION"}), 0),
        (json!({"feature_ids": [meter.feature_id], "feature_type": "metered"}), 1),
        (json!({"is_enabled": false}), 0),
        (json!({"has_grant_config": true}), 0),
    ] {
        assert_eq!(found(query.clone()).await, total, "{query}");
    }
    client.delete(&format!("/v1/features/{}", meter.feature_id)).await.refused(400, "invalid_operation");
    client.delete(&path).await.ok();
    assert_eq!(client.get(&path).await.ok()["status"], "archived");
    client.delete(&path).await.invalid();
    client.delete(&format!("/v1/features/{}", meter.feature_id)).await.ok();
}

#[tokio::test]
async fn a_plan_shows_its_entitlements_and_gives_them_to_its_copy() {
    let app = TestApp::start().await;
    let client = app.client();
    let (plan, meter) = (client.plan("basic").await, client.counted("api").await);
    let seats = json!({"name": "Seats", "type": "config"});
    let seats = client.post("/v1/features", &seats).await.expect(201)["id"].clone();
    let items = json!({"items": [
        limit(&plan, &meter, json!({"usage_limit": 5})),
        {"entity_type": "PLAN", "entity_id": plan, "feature_id": seats, "feature_type": "config", "config_value": {"max": 3}},
    ]});
    let made = client.post("/v1/entitlements/bulk", &items).await.expect(201);
    assert_eq!(made["items"].as_array().unwrap().len(), 2);
    let shown = |plan: &Value| -> Vec<Value> {
        let entitlements = plan["entitlements"].as_array().unwrap();
        entitlements.iter().map(|entitlement| json!([entitlement["usage_limit"], entitlement["config_value"]])).collect()
    };
    let expected = [json!([5, null]), json!([null, {"max": 3}])];
    let read = client.get(&format!("/v1/plans/{plan}")).await.ok();
    assert_eq!(shown(&read), expected);
    let query = json!({"plan_ids": [plan], "expand": "entitlements.features"});
    let found = client.post("/v1/plans/search", &query).await.ok()["items"][0].clone();
    assert_eq!((shown(&found), &found["entitlements"][1]["feature"]["name"]), (expected.to_vec(), &json!("Seats")));
    let copy = client.post(&format!("/v1/plans/{plan}/clone"), &json!({"name": "copy", "lookup_key": "copy"})).await.expect(201);
    assert_eq!(shown(&copy), expected);
    let listed = client.get(&format!("/v1/plans/{}/entitlements", copy["id"].as_str().unwrap())).await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert_eq!(client.get(&format!("/v1/plans/{plan}")).await.ok()["entitlements"].as_array().unwrap().len(), 2);
}
