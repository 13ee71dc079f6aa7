//! What an operator sees of requests: one line of the log each, and metrics whose labels no stranger chooses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use server::metrics::table::{self, Where};

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

/// One family of a scrape: its kind, its help, and the labels of its series.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
}

fn families(page: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in page.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (Some(word), Some(name), Some(text)) = (words.next(), words.next(), words.next()) else { panic!("{line}") };
            let family = families.entry(name.to_owned()).or_default();
            *if word == "HELP" { &mut family.help } else { &mut family.kind } = text.to_owned();
            continue;
        }
        let (series, _) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end).filter(|base| families.contains_key(*base)));
        let family = families.entry(base.unwrap_or(name).to_owned()).or_default();
        let labels = labels.trim_end_matches('}').split("\",").filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
        family.labels.extend(labels.filter(|label| label != "le"));
    }
    families
}

/// docs/metrics.md is written from the same table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_scraped_is_what_the_table_says() {
    let place = Place::new().env("FLEXPRICE_SERVER_METRICS_EVERY", "0s");
    let server = Serving::start(&place);
    let client = Client::new(&server.url);
    client.set_clock("2025-01-01T00:00:00Z").await;
    client.post("/v1/customers", json!({"external_id": "acme", "name": "Acme"})).await;
    let event = json!({"event_id": "e", "event_name": "api", "external_customer_id": "acme"});
    client.post("/v1/events", event.clone()).await;
    client.post("/v1/events", event).await;
    client.try_post("/v1/events", &json!({"event_name": "", "external_customer_id": "acme"})).await.expect("answers");
    client.get("/v1/customers").await;
    scrape(&server.url).await;
    let page = scrape(&server.url).await;
    let scraped = families(&page);
    let table: BTreeMap<&str, &table::Metric> = table::all().map(|metric| (metric.name, metric)).collect();
    for (name, family) in &scraped {
        let metric = table.get(name.as_str()).unwrap_or_else(|| panic!("{name} is not in the table"));
        assert_eq!((family.kind.as_str(), family.help.as_str()), (metric.kind.name(), metric.help), "{name}");
        let labels: BTreeSet<String> = metric.labels.iter().map(|label| (*label).to_owned()).collect();
        assert_eq!(family.labels, labels, "{name}");
    }
    for metric in table::all().filter(|metric| metric.at != Where::Cluster) {
        assert!(scraped.contains_key(metric.name), "{} is missing from:\n{page}", metric.name);
    }
    for line in [
        "flexprice_events_total{result=\"new\"} 1",
        "flexprice_events_total{result=\"duplicate\"} 1",
        "flexprice_invoices{status=\"FINALIZED\"} 0",
        "flexprice_due_work_overdue{kind=\"finalize_invoice\"} 0",
        "flexprice_sqlite_pool_connections{pool=\"writer\",state=\"max\"} 1",
        "flexprice_build_info{version=\"0.1.0\",cluster=",
    ] {
        assert!(page.contains(line), "{line} is missing from:\n{page}");
    }
    let value = |name: &str| -> f64 {
        let line = page.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}"));
        line.rsplit_once(' ').expect("a value").1.parse().expect("a number")
    };
    for (name, least) in [
        ("flexprice_store_bytes{store=\"database\"}", 4_096.0),
        ("flexprice_store_bytes{store=\"events\"}", 100.0),
        ("flexprice_disk_free_bytes", 1.0),
        ("flexprice_outbox_events", 1.0),
        ("process_resident_memory_bytes", 1_000_000.0),
        ("process_open_fds", 10.0),
        ("process_start_time_seconds", 1_000_000_000.0),
    ] {
        assert!(value(name) >= least, "{name} is {}", value(name));
    }
}

/// Of what costs something to read the next scrape shows the same until its time has come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_of_the_database_are_not_gathered_for_each_scrape() {
    let place = Place::new().env("FLEXPRICE_SERVER_METRICS_EVERY", "1h");
    let server = Serving::start(&place);
    let client = Client::new(&server.url);
    let outbox = async || {
        let page = scrape(&server.url).await;
        page.lines().find(|line| line.starts_with("flexprice_outbox_events")).map(str::to_owned)
    };
    let first = outbox().await;
    assert!(first.is_some());
    client.post("/v1/customers", json!({"external_id": "acme", "name": "Acme"})).await;
    assert_eq!(outbox().await, first);
}
