//! The numbers of the plain formula on every read path of the cluster: accepted by one replica, logged in Kafka, counted by a consumer in
//! ClickHouse, read through the other replica. The same worlds and formulas as in the embedded profile.

use std::env;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use testkit::oracle::{Api, open, question, world};

use super::installation::Installation;
use crate::faults::client::Client;

/// Most events of a world.
const EVENTS_MAX: usize = 40;
/// Questions asked of each world.
const QUESTIONS: usize = 4;

impl Api for Client {
    async fn call(&self, path: &str, body: Value) -> Value {
        self.post(path, body).await
    }

    /// Nothing is asked before all worlds are open; then the consumers are waited for once.
    async fn settle(&self) {}
}

/// `CLUSTER_ORACLE_WORLDS` worlds are opened, 12 without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_read_path_gives_the_number_of_the_plain_formula() {
    let worlds = env::var("CLUSTER_ORACLE_WORLDS").map_or(12, |count| count.parse().expect("CLUSTER_ORACLE_WORLDS is a number"));
    let installation = Installation::new();
    let apis = [installation.start("api"), installation.start("api")];
    let consumer = installation.start("consumer");
    let [writer, reader] = apis.each_ref().map(|api| installation.client(api));
    writer.set_clock("2025-03-01T00:00:00Z").await;
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let mut opened = Vec::new();
    for number in 0..worlds {
        let drawn = (world(EVENTS_MAX), vec(question(), QUESTIONS)).new_tree(&mut runner).expect("a world").current();
        opened.push((open(&writer, drawn.0, &format!("w{number}")).await, drawn.1));
    }
    installation.settle();
    for (world, questions) in &opened {
        for question in questions {
            world.check(&reader, question).await;
        }
    }
    writer.try_advance("2025-04-02T00:00:00Z").await.expect("the server answers").accepted("advance");
    for (world, _) in &opened {
        // Lists may come from PostgreSQL's replica, which has surely replayed only what the asked process has committed itself.
        // The invoice of a world without billed usage is skipped, and such are listed only when asked for.
        let all = json!(["DRAFT", "FINALIZED", "VOIDED", "SKIPPED"]);
        let wanted = json!({"subscription_id": world.subscription_id(), "limit": 100, "invoice_status": all});
        let list = writer.post("/v1/invoices/search", wanted).await;
        let mut invoices = Vec::new();
        for invoice in list["items"].as_array().expect("items") {
            invoices.push(reader.get(&format!("/v1/invoices/{}", invoice["id"].as_str().expect("an id"))).await);
        }
        world.check_invoice(&invoices);
    }
    consumer.stop();
    apis.into_iter().for_each(super::process::Process::stop);
}
