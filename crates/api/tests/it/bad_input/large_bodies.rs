//! Bodies that are short to send and long to keep.

use std::convert::Infallible;

use api::ApiSettings;
use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use http::Method;
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::Value;
use testkit::{Client, TestApp};
use tokio::sync::oneshot;

/// An object of one list of this many items.
fn list(name: &str, item: &str, count: usize) -> String {
    let mut body = format!(r#"{{"{name}":["#);
    for position in 0..count {
        body.push_str(if position == 0 { "" } else { "," });
        body.push_str(item);
    }
    body.push_str("]}");
    body
}

async fn refusal(client: &Client, path: &str, body: String) -> String {
    let answer: Value = client.send(Method::POST, path, body).await.refused(400, "validation_error");
    answer["message"].as_str().unwrap().to_owned()
}

/// Two million objects took 0.7 to 1 GB; reading now ends at the first one too many, and says how many there may be.
#[tokio::test]
async fn a_list_is_read_no_further_than_it_may_go() {
    let app = TestApp::start().await;
    let client = app.client();
    for (path, name, limit) in [
        ("/v1/events/bulk", "events", 1000),
        ("/v1/events/raw/bulk", "events", 1000),
        ("/v1/prices/bulk", "items", 100),
        ("/v1/customers/search", "filters", 50),
    ] {
        let message = refusal(&client, path, list(name, "{}", 2_000_000)).await;
        assert!(message.contains(&format!("more than the {limit} items")), "{path}: {message}");
    }
}

#[tokio::test]
async fn metadata_has_so_many_pairs_and_bytes() {
    let app = TestApp::start().await;
    let customer = |count: usize, bytes: usize| {
        let pairs: Vec<_> = (0..count).map(|number| format!(r#""n{number}":"{}""#, "x".repeat(bytes))).collect();
        format!(r#"{{"external_id":"acme","name":"Acme","metadata":{{{}}}}}"#, pairs.join(","))
    };
    for (body, why) in [(customer(101, 1), "more than the 100 members"), (customer(10, 7_000), "at most 65536")] {
        let message = refusal(&app.client(), "/v1/customers", body).await;
        assert!(message.contains(why), "{message}");
    }
    app.client().send(Method::POST, "/v1/customers", customer(100, 600)).await.expect(201);
}

/// Lists that serde sets aside first, and such within others.
#[tokio::test]
async fn a_body_holds_no_more_values_than_it_may() {
    let app = TestApp::start().await;
    let client = app.client();
    for (path, body) in [
        ("/v1/customers/search", list("unheard_of", "0", 2_000_000)),
        ("/v1/customers/search", list("unheard_of", "[[]]", 500_000)),
        ("/v1/prices", list("price_unit_config", r#"{"a":1}"#, 500_000)),
    ] {
        let message = refusal(&client, path, body).await;
        assert!(message.contains("100000 values"), "{path}: {message}");
    }
    let text = format!(r#"{{"external_id":"acme","name":"{}"}}"#, "x".repeat(10 << 20));
    let message = refusal(&client, "/v1/customers", text).await;
    assert!(message.contains("longer than 2097152 bytes"), "{message}");
}

/// A body in parts, whose length nobody announces.
fn in_parts(count: usize, part: &'static [u8]) -> Body {
    let parts = stream::iter(0..count).map(move |_| Ok::<_, Infallible>(Frame::data(Bytes::from_static(part))));
    Body::new(StreamBody::new(parts))
}

#[tokio::test]
async fn bodies_beyond_the_memory_meant_for_them_are_refused_until_there_is_room() {
    const SPACES: &[u8] = &[b' '; 64 * 1024];
    let app = TestApp::start_with(ApiSettings { bodies_bytes_max: 4 << 20, ..ApiSettings::default() }).await;
    let client = app.client();
    for _ in 0..3 {
        let announced = client.send(Method::POST, "/v1/customers/search", " ".repeat((3 << 20) + 1)).await;
        assert_eq!(announced.header("retry-after"), "1");
        announced.refused(503, "service_unavailable");
        client.send(Method::POST, "/v1/customers/search", in_parts(64, SPACES)).await.refused(503, "service_unavailable");
        // What they held was given back.
        client.send(Method::POST, "/v1/customers/search", " ".repeat(3 << 20)).await.expect(200);
        client.send(Method::POST, "/v1/customers/search", in_parts(48, SPACES)).await.expect(200);
    }
}

/// Three bodies that never end hold what large ones may; small ones pass, and so do large ones once those are gone.
#[tokio::test]
async fn bodies_that_do_not_end_leave_room_for_small_ones() {
    const SPACES: &[u8] = &[b' '; 1 << 20];
    let app = TestApp::start_with(ApiSettings { bodies_bytes_max: 4 << 20, ..ApiSettings::default() }).await;
    let client = app.client();
    let mut endless = Vec::new();
    for _ in 0..3 {
        let client = client.clone();
        let (arrived, has_arrived) = oneshot::channel();
        // More is asked for when the first part has been taken.
        let rest = stream::once(async move {
            arrived.send(()).unwrap();
            std::future::pending().await
        });
        let parts = stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(SPACES)))]).chain(rest).boxed();
        let body = Body::new(StreamBody::new(parts));
        endless.push(tokio::spawn(async move { client.send(Method::POST, "/v1/customers/search", body).await }));
        has_arrived.await.unwrap();
    }
    client.send(Method::POST, "/v1/customers/search", " ".repeat(512 * 1024)).await.refused(503, "service_unavailable");
    client.send(Method::POST, "/v1/customers/search", " ".repeat(200 * 1024)).await.expect(200);
    for one in &endless {
        one.abort();
    }
    for one in endless {
        assert!(one.await.unwrap_err().is_cancelled());
    }
    client.send(Method::POST, "/v1/customers/search", " ".repeat(2 << 20)).await.expect(200);
}
