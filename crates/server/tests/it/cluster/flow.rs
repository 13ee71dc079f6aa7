//! From the API through the log to the ledgers, the reads and the invoice.

use std::collections::BTreeSet;

use rand::RngExt;

use super::installation::Installation;
use crate::faults::books::{Month, assert_every_path, assert_invoice};
use crate::faults::random;
use crate::faults::sent::{CUSTOMERS, Sent, bulk, usage_of};
use crate::faults::shop;

const EVENTS: u32 = 6_000;
const BATCH: u32 = 500;
const JUNE: Month = Month { name: "2024-06", start: "2024-06-01T00:00:00Z", end: "2024-07-01T00:00:00Z" };

/// DESIGN, "one number on every path": with copies in the same request, in later ones and through another replica, with other
/// properties than the first; consumers are killed and started again meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_count_once_on_every_path_and_are_billed() {
    let mut random = random::seeded("events_count_once_on_every_path_and_are_billed");
    let installation = Installation::new();
    let apis = [installation.start("api"), installation.start("api")];
    let clients = apis.each_ref().map(|api| installation.client(api));
    let mut consumers = vec![installation.start("consumer"), installation.start("consumer")];
    let contracts = shop::open(&clients[0], CUSTOMERS, JUNE.start).await;
    for (number, start) in (0..EVENTS).step_by(usize::try_from(BATCH).expect("small")).enumerate() {
        let mut batch = Vec::new();
        for serial in start..start + BATCH {
            batch.push(Sent::new(serial));
            if random.random_ratio(1, 10) {
                batch.push(Sent::new(random.random_range(0..=serial)));
            }
            if start > 0 && random.random_ratio(1, 20) {
                batch.push(Sent::forged(random.random_range(0..start)));
            }
        }
        clients[number % 2].post("/v1/events/bulk", bulk(&batch, JUNE.name)).await;
        if number % 4 == 2 {
            consumers.remove(0).kill();
            consumers.push(installation.start("consumer"));
        }
    }
    installation.settle();
    let accepted: BTreeSet<u32> = (0..EVENTS).collect();
    for client in &clients {
        assert_every_path(client, &contracts, JUNE, &accepted).await;
    }
    // Events that are accepted just before the invoice are on it.
    let late: Vec<Sent> = (EVENTS..EVENTS + BATCH).map(Sent::new).collect();
    clients[1].post("/v1/events/bulk", bulk(&late, JUNE.name)).await;
    clients[0].try_advance("2024-07-02T00:00:00Z").await.expect("the server answers").accepted("advance");
    let accepted: BTreeSet<u32> = (0..EVENTS + BATCH).collect();
    for contract in &contracts {
        let list = clients[1].get(&format!("/v1/invoices?subscription_id={}", contract.subscription_id)).await;
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
        assert_eq!(list["items"][0]["invoice_status"], "FINALIZED");
        assert_invoice(&list["items"][0], &usage_of(contract.customer, &accepted));
    }
    consumers.into_iter().for_each(super::process::Process::stop);
    apis.into_iter().for_each(super::process::Process::stop);
}
