//! What an operator sees of requests: one line of the log each, and metrics whose labels no stranger chooses.

use std::collections::BTreeSet;
use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use crate::faults::client::{Client, SANDBOX};
use crate::faults::serving::Serving;
use crate::support::Place;

/// The page that Prometheus reads.
pub(crate) async fn scrape(url: &str) -> String {
    reqwest::get(format!("{url}/metrics")).await.expect("answers").text().await.expect("text")
}

/// Name and labels of everything that is measured, buckets left out.
fn series(page: &str) -> BTreeSet<String> {
    let lines = page.lines().filter(|line| !line.starts_with('#') && !line.contains("_bucket{"));
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_choose_no_labels() {
    let place = Place::new();
    let server = Serving::start(&place);
    let client = Client::new(&server.url);
    let strange = async |round: usize| {
        for method in ["GET", "BREW", "X"] {
            let method =
                Method::from_bytes(format!("{method}{}", if method == "X" { round.to_string() } else { String::new() }).as_bytes());
            let method = method.expect("a method");
            for path in [format!("/{round}"), format!("/v1/{round}/x"), format!("/v1/customers/{round}"), "/v1/events".to_owned()] {
                client.send(method.clone(), &path, None).await.expect("answers");
            }
        }
        let event = json!({"event_name": format!("name-{round}"), "external_customer_id": format!("customer-{round}"), "source": format!("{round}")});
        client.post("/v1/events", event).await;
        let wrong = json!({"event_name": "", "external_customer_id": format!("customer-{round}")});
        client.try_post("/v1/events", &wrong).await.expect("answers");
        let plan = client.post("/v1/plans", json!({"name": format!("plan-{round}")})).await;
        assert!(plan["id"].is_string());
        let http = reqwest::Client::new();
        for (name, value) in [("x-environment-id", "env"), ("x-api-key", "key"), ("idempotency-key", "k"), ("content-encoding", "br")] {
            let request = http.post(format!("{}/v1/customers", server.url)).header(name, format!("{value}-{round}"));
            request.body("{}").send().await.expect("answers");
        }
    };
    for round in 0..2 {
        strange(round).await;
    }
    scrape(&server.url).await;
    let before = series(&scrape(&server.url).await);
    for round in 2..6 {
        strange(round).await;
    }
    let after = series(&scrape(&server.url).await);
    assert_eq!(after.difference(&before).collect::<Vec<_>>(), Vec::<&String>::new());
    for label in ["method=\"other\"", "route=\"other\""] {
        assert!(after.iter().any(|series| series.contains(label)), "{after:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_leaves_one_line() {
    let place = Place::new();
    let server = Serving::start(&place);
    let client = Client::new(&server.url);
    let http = reqwest::Client::new();
    client.get("/v1/customers?limit=3").await;
    client.get("/health").await;
    client.send(Method::GET, "/v1/wallets", None).await.expect("answers");
    client.send(Method::GET, "/nowhere", None).await.expect("answers");
    http.get(format!("{}/v1/plans", server.url)).send().await.expect("answers");
    http.request(Method::OPTIONS, format!("{}/v1/plans", server.url)).send().await.expect("answers");
    http.get(format!("{}/v1/plans", server.url)).header("host", "evil.example").send().await.expect("answers");
    server.stop();

    let log = fs::read_to_string(place.path().join("serve.log")).expect("a log");
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let requests: Vec<&Value> = lines.iter().filter(|line| line["message"] == "request").collect();
    let seen = |line: &&Value| -> (String, String, u64) {
        let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("no {name}: {line}")).to_owned();
        (text("method"), text("route"), line["status"].as_u64().expect("a status"))
    };
    let expected = [
        ("GET", "/v1/customers", 200),
        ("GET", "/v1/wallets", 501),
        ("GET", "other", 404),
        ("GET", "/v1/plans", 401),
        ("OPTIONS", "/v1/plans", 200),
        ("GET", "/v1/plans", 403),
    ];
    let expected: Vec<_> = expected.map(|(method, route, status)| (method.to_owned(), route.to_owned(), status)).into();
    assert_eq!(requests.iter().map(seen).collect::<Vec<_>>(), expected, "{log}");
    for line in &requests {
        assert_eq!(line["level"], "INFO", "{line}");
        assert!(line["duration_ms"].is_number() && line["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{line}");
    }
    assert_eq!((&requests[0]["tenant_id"], &requests[0]["environment_id"]), (&json!(SANDBOX), &json!(SANDBOX)), "{}", requests[0]);
    assert!(!log.contains("right") && log.contains("the host of the request is `evil.example`"), "{log}");
}
