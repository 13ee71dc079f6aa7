//! `kill -9` while events pour in, twenty times over on one data directory: after a restart, and after everything that was not
//! acknowledged is sent again, every path gives the totals of the set of sent events.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::StatusCode;

use super::books::{Month, assert_every_path, assert_invoice, assert_usage};
use super::client::Client;
use super::sent::{CUSTOMERS, Sent, bulk, usage_of};
use super::serving::Serving;
use super::{random, shop};
use crate::support::Place;

const ROUNDS: u32 = 20;
/// Bulk requests of a round and how many new events each holds; copies come on top.
const BATCHES: u32 = 24;
const BATCH_NEW: u32 = 30;
const CONNECTIONS: usize = 4;
/// The kill comes after at most so many acknowledged requests, so that most of a round is still to be sent.
const ACKNOWLEDGED_MAX: usize = 16;
/// And then within this time, which spreads it over all that a request goes through.
const LATER_MICROS_MAX: u64 = 8_000;
const PATIENCE: Duration = Duration::from_secs(60);

const JUNE: Month = Month { name: "2024-06", start: "2024-06-01T00:00:00Z", end: "2024-07-01T00:00:00Z" };

type Batch = Vec<Sent>;

/// Requests that wait to be sent, and how many were acknowledged; shared by the connections.
struct Round {
    waiting: Mutex<VecDeque<Batch>>,
    acknowledged: AtomicUsize,
}

impl Round {
    fn new(batches: Vec<Batch>) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::new(batches.into()), acknowledged: AtomicUsize::new(0) })
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, VecDeque<Batch>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what waits over several connections until nothing does or the server is gone. What was not acknowledged waits again.
    async fn send(self: &Arc<Self>, url: &str) {
        let connections: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(Arc::clone(self).send_over(Client::new(url)))).collect();
        for connection in connections {
            connection.await.expect("the client does not fail");
        }
    }

    async fn send_over(self: Arc<Self>, client: Client) {
        loop {
            let Some(batch) = self.waiting().pop_front() else { return };
            match client.try_post("/v1/events/bulk", &bulk(&batch, JUNE.name)).await {
                Ok(answer) => {
                    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
                    assert_eq!(answer.body["accepted"], batch.len().to_string());
                    self.acknowledged.fetch_add(1, Ordering::SeqCst);
                }
                Err(_gone) => {
                    self.waiting().push_back(batch);
                    return;
                }
            }
        }
    }

    async fn reaches(&self, acknowledged: usize) {
        let asked = Instant::now();
        while self.acknowledged.load(Ordering::SeqCst) < acknowledged {
            assert!(asked.elapsed() < PATIENCE, "the server takes no events");
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }
}

/// The requests of a round: new events in order, among them copies of events of this round, unchanged, and of acknowledged ones
/// of earlier rounds, with other properties.
fn batches(round: u32, random: &mut StdRng) -> Vec<Batch> {
    let first = round * BATCHES * BATCH_NEW;
    let batch = |number: u32, random: &mut StdRng| {
        let start = first + number * BATCH_NEW;
        let mut batch = Vec::new();
        for serial in start..start + BATCH_NEW {
            batch.push(Sent::new(serial));
            if random.random_ratio(1, 10) {
                batch.push(Sent::new(random.random_range(first..=serial)));
            }
            if first > 0 && random.random_ratio(1, 20) {
                batch.push(Sent::forged(random.random_range(0..first)));
            }
        }
        batch
    };
    (0..BATCHES).map(|number| batch(number, random)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_loses_or_repeats_an_event() {
    let mut random = random::seeded("no_kill_loses_or_repeats_an_event");
    let place = Place::new();
    let mut server = Serving::start(&place);
    let contracts = shop::open(&Client::new(&server.url), CUSTOMERS, JUNE.start).await;
    let mut interrupted = 0;
    for round in 0..ROUNDS {
        let under_way = Round::new(batches(round, &mut random));
        let (wanted, later) = (random.random_range(0..=ACKNOWLEDGED_MAX), random.random_range(0..=LATER_MICROS_MAX));
        let (sending, url) = (Arc::clone(&under_way), server.url.clone());
        let sending = tokio::spawn(async move { sending.send(&url).await });
        under_way.reaches(wanted).await;
        tokio::time::sleep(Duration::from_micros(later)).await;
        server.kill();
        sending.await.expect("the client does not fail");
        interrupted += u32::from(!under_way.waiting().is_empty());
        if random.random_ratio(1, 4) {
            kill_during_start(&place, &mut random);
        }
        server = Serving::start(&place);
        under_way.send(&server.url).await;
        assert!(under_way.waiting().is_empty(), "the server went away by itself");
        let accepted: BTreeSet<u32> = (0..(round + 1) * BATCHES * BATCH_NEW).collect();
        assert_usage(&Client::new(&server.url), &contracts, JUNE, &accepted).await;
    }
    assert!(interrupted > ROUNDS / 2, "only {interrupted} of {ROUNDS} kills came while events were on their way");

    let accepted: BTreeSet<u32> = (0..ROUNDS * BATCHES * BATCH_NEW).collect();
    let client = Client::new(&server.url);
    assert_every_path(&client, &contracts, JUNE, &accepted).await;
    client.try_advance("2024-07-02T00:00:00Z").await.expect("the server answers").accepted("advance");
    for contract in &contracts {
        let list = client.get(&format!("/v1/invoices?subscription_id={}", contract.subscription_id)).await;
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
        assert_invoice(&list["items"][0], &usage_of(contract.customer, &accepted));
    }
    server.stop();
}

/// A start that is cut off, too: while it repairs what the first kill left.
fn kill_during_start(place: &Place, random: &mut StdRng) {
    let mut child = place.flexprice(&["serve", "--address", "127.0.0.1:0"]);
    let mut child = child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().expect("starts");
    std::thread::sleep(Duration::from_micros(random.random_range(0..60_000)));
    child.kill().expect("SIGKILL can be sent");
    child.wait().expect("it ends");
}
