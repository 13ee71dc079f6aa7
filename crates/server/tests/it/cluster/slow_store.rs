//! A ClickHouse that answers slowly: it slows the consumers, and nobody else notices.

use std::collections::BTreeSet;
use std::env;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use reqwest::StatusCode;

use super::installation::Installation;
use super::process::Process;
use crate::faults::books::{Month, assert_every_path};
use crate::faults::sent::{CUSTOMERS, Sent, bulk};
use crate::faults::shop;

const EVENTS: u32 = 4_000;
const BATCH: u32 = 500;
const JUNE: Month = Month { name: "2024-06", start: "2024-06-01T00:00:00Z", end: "2024-07-01T00:00:00Z" };

/// A wire to a server whose answers can be held back.
struct Wire {
    address: SocketAddr,
    held: Arc<(Mutex<bool>, Condvar)>,
}

impl Wire {
    /// Lasts as long as the test process.
    fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let held = Arc::new((Mutex::new(false), Condvar::new()));
        let gate = held.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else { continue };
                let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else { continue };
                thread::spawn(move || pass(client_too, server_too, || ()));
                let gate = gate.clone();
                thread::spawn(move || pass(server, client, || wait(&gate)));
            }
        });
        Self { address, held }
    }

    fn hold(&self, held: bool) {
        *self.held.0.lock().unwrap_or_else(PoisonError::into_inner) = held;
        self.held.1.notify_all();
    }
}

fn wait((held, changed): &(Mutex<bool>, Condvar)) {
    let held = held.lock().unwrap_or_else(PoisonError::into_inner);
    drop(changed.wait_while(held, |held| *held));
}

/// Passes bytes on until either side closes.
fn pass(mut from: TcpStream, mut to: TcpStream, before: impl Fn()) {
    let mut buffer = vec![0; 16_384];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        before();
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _closed_already = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// The sum of a metric of a process over its labels; `None` before the first.
async fn metric(process: &Process, name: &str) -> Option<f64> {
    let answer = reqwest::get(format!("{}/metrics", process.url)).await.expect("the process answers");
    let text = answer.text().await.expect("metrics");
    let values = text.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.reduce(|sum, value| sum + value)
}

/// DESIGN, "acknowledged = durable" and decision 13: while ClickHouse does not answer, the API takes events as always and consumers hold what
/// they have read so far; afterwards every path gives the same exact numbers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_clickhouse_slows_the_consumers_alone() {
    let installation = Installation::new();
    let api = installation.start("api");
    let client = installation.client(&api);
    let contracts = shop::open(&client, CUSTOMERS, JUNE.start).await;
    let server = env::var("FLEXPRICE_TEST_CLICKHOUSE_ADDRESS").unwrap_or_else(|_| "127.0.0.1:8123".to_owned());
    let wire = Wire::to(server);
    let consumer =
        Process::start(&installation.place, "consumer", &[("FLEXPRICE_CLICKHOUSE_ADDRESS", &format!("http://{}", wire.address))]);
    let batch = |start: u32| bulk(&(start..start + BATCH).map(Sent::new).collect::<Vec<_>>(), JUNE.name);
    client.post("/v1/events/bulk", batch(0)).await;
    installation.settle();
    let messages = async || metric(&consumer, "flexprice_kafka_consumed_total").await.expect("counted");
    let before = messages().await;

    wire.hold(true);
    for start in (BATCH..EVENTS).step_by(BATCH as usize) {
        let answer = client.try_post("/v1/events/bulk", &batch(start)).await.expect("the server answers");
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    }
    let behind = installation.place.run(&["kafka", "lag"]);
    assert_ne!(behind.out, "0 messages behind in all\n");
    assert_eq!(messages().await, before, "nothing is settled while nothing is answered");

    wire.hold(false);
    installation.settle();
    let accepted: BTreeSet<u32> = (0..EVENTS).collect();
    assert_every_path(&client, &contracts, JUNE, &accepted).await;
    assert_eq!(metric(&consumer, "flexprice_kafka_buffered_bytes").await, Some(0.0), "nothing is held any more");
    assert_eq!(metric(&consumer, "flexprice_kafka_dead_letters_total").await, None, "nothing became a dead letter");
    consumer.stop();
    api.stop();
}
