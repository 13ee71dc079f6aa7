//! What a consumer leaves that is killed: its partitions are read again within ten seconds, whoever takes them.

use std::time::{Duration, Instant};

use super::installation::Installation;
use crate::faults::client::Client;
use crate::faults::sent::{CUSTOMERS, Sent, bulk};
use crate::faults::shop;

const JUNE: &str = "2024-06";
const BATCH: u32 = 400;
/// From the signal until the brokers have every group's commits of all partitions up to their ends.
const UNREAD_MAX: Duration = Duration::from_secs(10);

/// Sends events, some to each partition.
async fn send(client: &Client, batch: u32) {
    let events: Vec<Sent> = (batch * BATCH..(batch + 1) * BATCH).map(Sent::new).collect();
    client.post("/v1/events/bulk", bulk(&events, JUNE)).await;
}

/// With the settings as they are shipped. The brokers' own offsets tell when all has been read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_of_a_killed_consumer_are_read_again_within_ten_seconds() {
    let installation = Installation::new();
    let api = installation.start("api");
    let client = installation.client(&api);
    shop::open(&client, CUSTOMERS, "2024-06-01T00:00:00Z").await;
    let mut consumers = vec![installation.start("consumer"), installation.start("consumer")];
    let mut batch = 0;
    for (how, restarted, left) in [
        ("the supervisor starts it again at once", true, 1),
        ("nobody starts it again: the other takes all", false, 1),
        ("it was the only one, and the supervisor starts it again at once", true, 0),
    ] {
        // All are at the end, so each partition has its consumer.
        send(&client, batch).await;
        installation.settle();
        let killed = Instant::now();
        consumers.remove(0).kill();
        assert_eq!(consumers.len(), left, "{how}");
        send(&client, batch + 1).await;
        if restarted {
            consumers.push(installation.start("consumer"));
        }
        installation.settle();
        let unread = killed.elapsed();
        eprintln!("{how}: {unread:?}");
        assert!(unread <= UNREAD_MAX, "{how}: read after {unread:?}");
        batch += 2;
    }
    consumers.into_iter().for_each(super::process::Process::stop);
    api.stop();
}
