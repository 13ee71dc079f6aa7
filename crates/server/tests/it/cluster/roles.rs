//! Each role starts when its servers are up, says for what it waits when they are not, and stops cleanly either way.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::installation::Installation;
use super::process::Process;
use crate::faults::client::Client;

const PATIENCE: Duration = Duration::from_secs(60);

/// DESIGN, roles: each serves `/health`, `/ready` and `/metrics` on its own port; only `api` serves the API.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_answers_probes_and_stops() {
    let installation = Installation::new();
    for mode in ["api", "consumer"] {
        let process = installation.start(mode);
        let client = installation.client(&process);
        assert_eq!(client.get("/health").await["status"], "ok");
        assert_eq!(client.readiness().await.status, StatusCode::OK, "{mode}");
        let api = client.send(reqwest::Method::GET, "/v1/customers", None).await.expect("answers");
        assert_eq!(api.status, if mode == "api" { StatusCode::OK } else { StatusCode::NOT_FOUND }, "{mode}");
        process.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_waits_for_each_server_by_name_and_can_be_stopped_meanwhile() {
    let installation = Installation::new();
    let port = free_port();
    for (variable, value, server) in [
        ("FLEXPRICE_POSTGRES_PORT", "1", "PostgreSQL"),
        ("FLEXPRICE_CLICKHOUSE_ADDRESS", "127.0.0.1:1", "ClickHouse"),
        ("FLEXPRICE_KAFKA_BROKERS", "127.0.0.1:1", "Kafka"),
    ] {
        let process = Process::spawn(&installation.place, "api", &format!("127.0.0.1:{port}"), &[(variable, value)]);
        let client = Client::new(&process.url);
        let asked = Instant::now();
        // Until it says for what it waits; before that it may not listen yet.
        let waits = loop {
            if let Ok(ready) = client.send(reqwest::Method::GET, "/ready", None).await
                && ready.body["failing"]["start"].as_str().is_some_and(|cause| cause.contains(server))
            {
                break ready;
            }
            assert!(asked.elapsed() < PATIENCE, "{server} is not named:\n{}", process.log_end());
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(waits.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(client.get("/health").await["status"], "ok");
        process.stop();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
