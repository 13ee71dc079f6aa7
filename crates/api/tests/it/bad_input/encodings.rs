//! Bodies that come compressed, well or badly.

use std::io::Write as _;

use http::Method;
use serde_json::json;
use testkit::{Client, TestApp};

const EVENTS: &str = r#"{"events":[{"event_name":"a","external_customer_id":"c"},{"event_name":"b","external_customer_id":"c"}]}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

fn encoded(app: &TestApp, coding: &str) -> Client {
    app.client().with("content-encoding", coding)
}

#[tokio::test]
async fn gzip_and_zstd_bodies_are_read_as_if_they_were_plain() {
    let app = TestApp::start().await;
    for (coding, body) in [("gzip", gzip(EVENTS.as_bytes())), ("zstd", zstd(EVENTS.as_bytes())), ("identity", EVENTS.as_bytes().to_vec())] {
        let answer = encoded(&app, coding).send(Method::POST, "/v1/events/bulk", body).await;
        assert_eq!(answer.expect(202)["accepted"], "2", "{coding}");
    }
    let customer = json!({"external_id": "acme", "name": "Acme"}).to_string();
    encoded(&app, "gzip").send(Method::POST, "/v1/customers", gzip(customer.as_bytes())).await.expect(201);
}

/// The same key with the same content is the same request, however it was compressed.
#[tokio::test]
async fn an_idempotency_key_goes_by_what_was_compressed() {
    let app = TestApp::start().await;
    let body = json!({"external_id": "acme", "name": "Acme"}).to_string();
    let keyed = |coding: &str| encoded(&app, coding).with("idempotency-key", "k1");
    let first = keyed("gzip").send(Method::POST, "/v1/customers", gzip(body.as_bytes())).await.expect(201);
    let again = keyed("zstd").send(Method::POST, "/v1/customers", zstd(body.as_bytes())).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(201), first);
}

#[tokio::test]
async fn an_unknown_coding_is_refused_with_those_that_are_known() {
    let app = TestApp::start().await;
    for coding in ["br", "deflate", "gzip, gzip", "rot13"] {
        for path in ["/v1/events", "/v1/customers", "/v1/customers/search"] {
            let answer = encoded(&app, coding).send(Method::POST, path, "{}").await;
            assert_eq!(answer.header("accept-encoding"), "gzip, zstd, identity");
            let body = answer.refused(415, "unsupported_encoding");
            assert!(body["message"].as_str().unwrap().contains("gzip, zstd, identity"), "{body}");
        }
    }
}

#[tokio::test]
async fn what_does_not_inflate_or_inflates_to_too_much_is_refused() {
    let app = TestApp::start().await;
    let bomb = "0".repeat(33 << 20);
    let cut = gzip(EVENTS.as_bytes());
    for (coding, body, why) in [
        ("gzip", gzip(bomb.as_bytes()), "longer than 33554432 bytes"),
        ("zstd", zstd(bomb.as_bytes()), "longer than 33554432 bytes"),
        ("gzip", EVENTS.as_bytes().to_vec(), "is not gzip"),
        ("zstd", EVENTS.as_bytes().to_vec(), "is not zstd"),
        ("gzip", cut[..cut.len() / 2].to_vec(), "ends early"),
    ] {
        let answer = encoded(&app, coding).send(Method::POST, "/v1/events/bulk", body).await.refused(400, "validation_error");
        assert!(answer["message"].as_str().unwrap().contains(why), "{coding}: {answer}");
    }
}
