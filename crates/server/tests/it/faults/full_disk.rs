//! A disk that is full: events and changes are refused and asked to come again, nothing is done by halves, and when there is space
//! again the server takes both without a restart. These tests mount a small file system and must run as root.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::books::{Month, assert_every_path, assert_usage};
use super::client::{Answer, Client};
use super::sent::{CUSTOMERS, Sent, bulk};
use super::serving::Serving;
use super::shop::{self, Contract};
use super::small_disk::SmallDisk;
use crate::support::{Place, assert_has};

const DISK_MEBIBYTES: u32 = 256;
/// Fills the journal of the database several times over.
const CHANGES_MAX: u32 = 20_000;
const BATCH: u32 = 200;
/// Many times what the space left for them holds.
const EVENTS_MAX: usize = 200_000;
const RECOVERY: Duration = Duration::from_secs(20);
/// Several times what a good look at the stores counts.
const READINESS: Duration = Duration::from_secs(5);

const JUNE: Month = Month { name: "2024-06", start: "2024-06-01T00:00:00Z", end: "2024-07-01T00:00:00Z" };

/// A server on a small disk, and what it has acknowledged.
struct Shop {
    disk: SmallDisk,
    place: Place,
    server: Serving,
    client: Client,
    contracts: Vec<Contract>,
    events: BTreeSet<u32>,
    customers: BTreeSet<String>,
}

impl Shop {
    async fn open(reserve_bytes: u64) -> Self {
        let disk = SmallDisk::mount(DISK_MEBIBYTES);
        let data = disk.path().join("data");
        let place = Place::new()
            .env("FLEXPRICE_DATA_DIR", data.to_str().expect("UTF-8"))
            .env("FLEXPRICE_DATA_RESERVE_BYTES", &reserve_bytes.to_string());
        let server = Serving::start(&place);
        let client = Client::new(&server.url);
        let contracts = shop::open(&client, CUSTOMERS, JUNE.start).await;
        let customers = contracts.iter().map(|contract| super::sent::external_id(contract.customer)).collect();
        let mut shop = Self { disk, place, server, client, contracts, events: BTreeSet::new(), customers };
        let sent = shop.next_batch();
        assert_eq!(shop.send(&sent).await.status, StatusCode::ACCEPTED);
        shop
    }

    fn next_batch(&self) -> Vec<Sent> {
        let first = self.events.last().map_or(0, |last| last + 1);
        (first..first + BATCH).map(Sent::new).collect()
    }

    async fn send(&mut self, batch: &[Sent]) -> Answer {
        let answer = self.client.try_post("/v1/events/bulk", &bulk(batch, JUNE.name)).await.expect("the server answers");
        if answer.status == StatusCode::ACCEPTED {
            self.events.extend(batch.iter().map(|event| event.serial));
        }
        answer
    }

    /// A customer with much to write down.
    async fn make_customer(&mut self) -> Answer {
        let external_id = format!("made-{}", self.customers.len());
        let body = json!({ "external_id": external_id, "name": "Made", "metadata": { "text": "x".repeat(4_000) } });
        let answer = self.client.try_post("/v1/customers", &body).await.expect("the server answers");
        if answer.status.is_success() {
            self.customers.insert(external_id);
        }
        answer
    }

    /// Makes customers until one is refused: space that the database had set aside lets some through.
    async fn make_customers_until_refused(&mut self) -> Answer {
        for _ in 0..CHANGES_MAX {
            let answer = self.make_customer().await;
            if !answer.status.is_success() {
                return answer;
            }
        }
        panic!("the disk is full, and changes are still taken");
    }

    /// Every customer that was acknowledged is there, and no other.
    async fn assert_customers(&self) {
        let mut found = BTreeSet::new();
        while found.len() < self.customers.len() {
            let page = self.client.get(&format!("/v1/customers?limit=1000&offset={}", found.len())).await;
            assert_eq!(page["pagination"]["total"], self.customers.len(), "customers in all");
            let items = page["items"].as_array().expect("items");
            assert!(!items.is_empty(), "a page is empty");
            found.extend(items.iter().map(|customer| customer["external_id"].as_str().expect("text").to_owned()));
        }
        assert_eq!(found, self.customers);
    }

    /// Readiness says so as soon as an earlier good look counts no longer (half a second).
    async fn assert_not_ready(&self, store: &str) {
        let asked = Instant::now();
        let ready = loop {
            let ready = self.client.readiness().await;
            if !ready.status.is_success() || asked.elapsed() > READINESS {
                break ready;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!((ready.status, ready.retry_after.as_deref()), (StatusCode::SERVICE_UNAVAILABLE, Some("1")), "{ready:?}");
        assert!(ready.body["failing"][store].is_string(), "{ready:?}");
    }

    async fn assert_recovers(&mut self) {
        let external_id = format!("made-{}", self.customers.len());
        self.client.until_accepted("/v1/customers", &json!({ "external_id": external_id, "name": "Late" }), RECOVERY).await;
        self.customers.insert(external_id);
        let batch = self.next_batch();
        self.client.until_accepted("/v1/events/bulk", &bulk(&batch, JUNE.name), RECOVERY).await;
        self.events.extend(batch.iter().map(|event| event.serial));
        let freed = Instant::now();
        while !self.client.readiness().await.status.is_success() {
            assert!(freed.elapsed() < RECOVERY, "the server is still not ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(self.make_customer().await.status.is_success());
        self.assert_customers().await;
        assert_every_path(&self.client, &self.contracts, JUNE, &self.events).await;
    }

    /// What was acknowledged is there after a restart, too.
    async fn assert_durable(mut self) {
        self.server.stop();
        self.server = Serving::start(&self.place);
        self.client = Client::new(&self.server.url);
        self.assert_customers().await;
        assert_every_path(&self.client, &self.contracts, JUNE, &self.events).await;
        self.server.stop();
        drop(self.disk);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_others_fill_is_survived() {
    let mut shop = Shop::open(16 << 20).await;
    for round in 0..2 {
        shop.disk.fill();
        let batch = shop.next_batch();
        shop.send(&batch).await.assert_try_again();
        let single = shop.client.try_post("/v1/events", &batch[0].to_json(JUNE.name)).await.expect("the server answers");
        single.assert_try_again();
        shop.make_customers_until_refused().await.assert_try_again();
        // Again and again, not only at first.
        for _ in 0..5 {
            shop.make_customer().await.assert_try_again();
            shop.send(&batch).await.assert_try_again();
        }
        shop.assert_not_ready("event_store").await;
        shop.assert_not_ready("database").await;
        let advanced = shop.client.try_advance(JUNE.end).await.expect("the server answers");
        advanced.assert_try_again();
        // Reads go on, and see what was acknowledged.
        shop.assert_customers().await;
        assert_usage(&shop.client, &shop.contracts, JUNE, &shop.events).await;
        assert_eq!(shop.client.get("/health").await["status"], Value::from("ok"), "round {round}");

        shop.disk.free();
        shop.assert_recovers().await;
    }
    shop.assert_durable().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reserve_keeps_changes_going_when_events_are_refused() {
    let reserve = 64 << 20;
    let mut shop = Shop::open(reserve).await;
    shop.disk.fill_but(reserve - (8 << 20));
    let batch = shop.next_batch();
    shop.send(&batch).await.assert_try_again();
    for _ in 0..10 {
        assert!(shop.make_customer().await.status.is_success());
    }
    shop.assert_not_ready("event_store").await;
    shop.disk.free();
    shop.assert_recovers().await;
    shop.assert_durable().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_events_fill_is_survived() {
    let reserve = 1 << 20;
    let mut shop = Shop::open(reserve).await;
    shop.disk.fill_but(reserve + (6 << 20));
    let mut batch = shop.next_batch();
    let refused = loop {
        let answer = shop.send(&batch).await;
        if answer.status != StatusCode::ACCEPTED {
            break answer;
        }
        assert!(shop.events.len() < EVENTS_MAX, "the disk never fills up");
        batch = shop.next_batch();
    };
    refused.assert_try_again();
    for _ in 0..5 {
        shop.send(&batch).await.assert_try_again();
    }
    shop.assert_not_ready("event_store").await;
    shop.disk.free();
    shop.assert_recovers().await;
    shop.assert_durable().await;
}

#[test]
fn doctor_says_when_less_than_the_reserve_is_free() {
    let ran = Place::new().env("FLEXPRICE_DATA_RESERVE_BYTES", &i64::MAX.to_string()).run(&["doctor", "--address", "127.0.0.1:0"]);
    assert_eq!(ran.code, Some(4), "{}", ran.out);
    assert_has(&ran.out, &["less than data.reserve_bytes", "events would be refused"]);
}

#[test]
fn a_reserve_too_small_to_tidy_up_in_is_refused() {
    let ran = Place::new().env("FLEXPRICE_DATA_RESERVE_BYTES", "1000").run(&["serve", "--address", "127.0.0.1:0"]);
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert_has(&ran.err, &["FLEXPRICE_DATA_RESERVE_BYTES"]);
}
