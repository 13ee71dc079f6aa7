//! Each role starts when its servers are up, says for what it waits when they are not, and stops cleanly either way.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::installation::Installation;
use super::process::Process;
use crate::faults::client::Client;

const PATIENCE: Duration = Duration::from_secs(60);

/// DESIGN, roles: each serves `/health`, `/ready` and `/metrics` on its own port; only `api` and `local` serve the API. With its servers up
/// none waits for anything: what it asks answers at the first try, it is ready as soon as it says that it listens, and ends well on SIGTERM.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_is_ready_at_once_answers_probes_and_stops() {
    let installation = Installation::new();
    let temporal = installation.with_temporal();
    let temporal = temporal.each_ref().map(|(name, value)| (*name, value.as_str()));
    for mode in ["api", "consumer", "temporal_worker", "local"] {
        let process = Process::start(&installation.place, mode, &temporal);
        let client = installation.client(&process);
        assert_eq!(client.readiness().await.status, StatusCode::OK, "{mode}");
        assert_eq!(client.get("/health").await["status"], "ok");
        let metrics = client.send(reqwest::Method::GET, "/metrics", None).await.expect("answers");
        assert_eq!(metrics.status, StatusCode::OK, "{mode}");
        let api = client.send(reqwest::Method::GET, "/v1/customers", None).await.expect("answers");
        let serves_api = matches!(mode, "api" | "local");
        assert_eq!(api.status, if serves_api { StatusCode::OK } else { StatusCode::NOT_FOUND }, "{mode}");
        let log = process.log_end();
        assert!(!log.contains("waiting for a server"), "{mode} had to try again:\n{log}");
        process.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_waits_for_each_server_by_name_and_can_be_stopped_meanwhile() {
    let installation = Installation::new();
    let port = free_port();
    for (mode, variable, value, server) in [
        ("api", "FLEXPRICE_POSTGRES_PORT", "1", "PostgreSQL at 127.0.0.1:1"),
        ("api", "FLEXPRICE_CLICKHOUSE_ADDRESS", "127.0.0.1:1", "ClickHouse at 127.0.0.1:1"),
        ("api", "FLEXPRICE_KAFKA_BROKERS", "127.0.0.1:1", "Kafka at 127.0.0.1:1"),
        ("consumer", "FLEXPRICE_KAFKA_BROKERS", "127.0.0.1:1", "Kafka at 127.0.0.1:1"),
        ("temporal_worker", "FLEXPRICE_TEMPORAL_ADDRESS", "127.0.0.1:1", "Temporal at 127.0.0.1:1"),
    ] {
        let process = Process::spawn(&installation.place, mode, &format!("127.0.0.1:{port}"), &[(variable, value)]);
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
        assert!(process.log_end().contains("waiting for a server"), "{mode} logs nothing about {server}:\n{}", process.log_end());
        process.stop();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
