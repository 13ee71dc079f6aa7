//! SIGTERM while events pour in: what was acknowledged is there after a restart, a request that had begun is answered, and the
//! process ends with 0.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::books::{Month, assert_every_path};
use super::client::Client;
use super::sent::{CUSTOMERS, Sent, bulk};
use super::serving::Serving;
use super::shop;
use crate::support::Place;

const CONNECTIONS: u32 = 4;
const BATCH: u32 = 100;
/// Requests that must be acknowledged before the server is asked to stop.
const ACKNOWLEDGED_MIN: u32 = 12;
const PATIENCE: Duration = Duration::from_secs(60);

const JUNE: Month = Month { name: "2024-06", start: "2024-06-01T00:00:00Z", end: "2024-07-01T00:00:00Z" };

fn batch(number: u32) -> Vec<Sent> {
    (number * BATCH..(number + 1) * BATCH).map(Sent::new).collect()
}

/// A request of which the server has the head and half of the body.
struct Begun {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Begun {
    fn new(url: &str, number: u32) -> Self {
        let address = url.strip_prefix("http://").expect("an address");
        let mut stream = TcpStream::connect(address).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let body = bulk(&batch(number), JUNE.name).to_string().into_bytes();
        let (now, rest) = body.split_at(body.len() / 2);
        let head = format!(
            "POST /v1/events/bulk HTTP/1.1\r\nHost: localhost\r\nx-api-key: sk_local_flexprice_test_key\r\nContent-Type: application/json\r\n\
             Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        // The server asks for the body once a handler reads it: from here on the request is in flight.
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).expect("the server reads the body");
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(now).expect("sent");
        Self { stream, rest: rest.to_vec() }
    }

    /// Sends the rest and returns the answer.
    fn finish(mut self) -> String {
        self.stream.write_all(&self.rest).expect("the connection is still open");
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).expect("the server answers and closes");
        answer
    }
}

/// Numbers of batches to send, and how many were acknowledged.
#[derive(Default)]
struct Numbers {
    next: AtomicU32,
    acknowledged: AtomicU32,
}

/// Sends batch after batch until the server is gone; returns the numbers that were acknowledged.
async fn send_until_gone(client: Client, numbers: Arc<Numbers>) -> Vec<u32> {
    let mut acknowledged = Vec::new();
    loop {
        let number = numbers.next.fetch_add(1, Ordering::SeqCst);
        match client.try_post("/v1/events/bulk", &bulk(&batch(number), JUNE.name)).await {
            Ok(answer) => {
                assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
                acknowledged.push(number);
                numbers.acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            Err(_gone) => return acknowledged,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_answers_what_is_in_flight_and_loses_nothing() {
    let place = Place::new();
    let server = Serving::start(&place);
    let client = Client::new(&server.url);
    let contracts = shop::open(&client, CUSTOMERS, JUNE.start).await;
    let numbers = Arc::new(Numbers::default());
    let begun = Begun::new(&server.url, numbers.next.fetch_add(1, Ordering::SeqCst));
    let senders: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(send_until_gone(Client::new(&server.url), Arc::clone(&numbers)))).collect();
    let started = Instant::now();
    while numbers.acknowledged.load(Ordering::SeqCst) < ACKNOWLEDGED_MIN {
        assert!(started.elapsed() < PATIENCE, "the server takes no events");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.terminate();
    let mut acknowledged = BTreeSet::from([0]);
    for sender in senders {
        acknowledged.extend(sender.await.expect("no request was refused"));
    }
    let answer = tokio::task::spawn_blocking(move || begun.finish()).await.expect("answered");
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert_eq!(server.exit_code(), Some(0));

    let server = Serving::start(&place);
    let client = Client::new(&server.url);
    // What was on its way and not acknowledged may be there or not: sent again, it is there once.
    let sent = numbers.next.load(Ordering::SeqCst);
    let stored = |number: u32| {
        let client = client.clone();
        async move {
            let answer = client.post("/v1/events/bulk", bulk(&batch(number), JUNE.name)).await;
            answer["new"].as_str().and_then(|new| new.parse::<u32>().ok()).expect("a number")
        }
    };
    for number in 0..sent {
        let new = stored(number).await;
        assert!(new == 0 || new == BATCH, "batch {number} was kept by halves: {new} were new");
        assert!(new == 0 || !acknowledged.contains(&number), "batch {number} was acknowledged and lost");
    }
    let accepted: BTreeSet<u32> = (0..sent * BATCH).collect();
    assert_every_path(&client, &contracts, JUNE, &accepted).await;
    server.stop();
}
