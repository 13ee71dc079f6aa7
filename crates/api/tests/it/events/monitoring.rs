//! How much comes in (spec 10 §9.5).

use serde_json::{Value, json};
use testkit::{TestApp, event};

use crate::refusals::{assert_refused, get};

#[tokio::test]
async fn events_of_a_time_are_counted_whole_and_in_windows() {
    let app = TestApp::start().await;
    let client = app.client();
    app.clock.set("2025-01-10T12:00:00Z");
    let at = |id: &str, time: &str| event(id, id, "c1", time, json!({}));
    client
        .send_events(&[
            at("a", "2025-01-10T00:10:00Z"),
            at("b", "2025-01-10T00:50:00Z"),
            at("c", "2025-01-10T03:00:00Z"),
            at("old", "2025-01-08T00:00:00Z"),
            at("now", "2025-01-10T12:00:00Z"),
        ])
        .await;
    client.send_events(&[at("a", "2025-01-10T05:00:00Z")]).await;
    let day = client.get("/v1/events/monitoring").await.expect(200);
    assert_eq!(day, json!({"total_count": 3, "consumption_lag": 0, "post_processing_lag": 0}), "the last 24 hours, without their end");
    let hours = client
        .get("/v1/events/monitoring?start_time=2025-01-08T00:00:00Z&end_time=2025-01-11T00:00:00Z&window_size=HOUR")
        .await
        .expect(200);
    let points: Vec<(&str, &Value)> =
        hours["points"].as_array().unwrap().iter().map(|point| (point["timestamp"].as_str().unwrap(), &point["event_count"])).collect();
    let expected = [("2025-01-08T00:00:00Z", 1), ("2025-01-10T00:00:00Z", 2), ("2025-01-10T03:00:00Z", 1), ("2025-01-10T12:00:00Z", 1)];
    assert_eq!(points, expected.map(|(at, count)| (at, json!(count))).iter().map(|(at, count)| (*at, count)).collect::<Vec<_>>());
    assert_eq!(hours["total_count"], 5);
    // Of a long time only the windows that have events count.
    let century = "/v1/events/monitoring?start_time=1970-01-01T00:00:00Z&end_time=2100-01-01T00:00:00Z&window_size=MINUTE";
    assert_eq!(client.get(century).await.expect(200)["points"].as_array().unwrap().len(), 5);
    let table = vec![
        get("only a start", "/v1/events/monitoring?start_time=2025-01-08T00:00:00Z"),
        get("only an end", "/v1/events/monitoring?end_time=2025-01-08T00:00:00Z"),
        get("end before start", "/v1/events/monitoring?start_time=2025-01-08T00:00:00Z&end_time=2025-01-07T00:00:00Z"),
        get("unknown window", "/v1/events/monitoring?window_size=YEAR"),
    ];
    assert_refused(&client, table).await;
}
