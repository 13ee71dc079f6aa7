//! Connections whose client keeps the server waiting: they are closed, keep nobody out and hold no stop up.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use server::config::ListenAddress;
use server::connections::ConnectionLimits;
use server::serve::{Limits, Outcome, bind, serve};
use server::signals::{Signals, Stopper};
use tokio::sync::Semaphore;

use crate::faults::serving::Serving;
use crate::support::{Place, assert_has};

/// Longer than anything here takes, unless it never comes.
const NEVER: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);
/// More than the kernel takes off the server's hands.
const LARGE: usize = 64 << 20;

const PATIENT: ConnectionLimits = ConnectionLimits { most: 100, header: NEVER, idle: NEVER, parting: NEVER };

struct Server {
    address: SocketAddr,
    stopper: Stopper,
    /// Requests at `/work` that have begun.
    begun: Arc<Semaphore>,
    /// Lets them end.
    go: Arc<Semaphore>,
    ended: tokio::task::JoinHandle<anyhow::Result<Outcome>>,
}

async fn server(connections: ConnectionLimits) -> Server {
    let listener = bind(&ListenAddress::parse("127.0.0.1:0").expect("an address")).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (begun, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (here, wait) = (begun.clone(), go.clone());
    let work = move || async move {
        here.add_permits(1);
        wait.acquire().await.expect("open").forget();
        "worked"
    };
    let router = Router::new()
        .route("/now", get(|| async { "now" }))
        .route("/work", get(work))
        .route("/large", get(|| async { vec![b'x'; LARGE] }))
        .route("/upload", post(|body: Bytes| async move { body.len().to_string() }));
    let (stopper, signals) = Signals::manual();
    let ended = tokio::spawn(serve(listener, router, Limits { drain: NEVER, connections }, signals, async { Ok(()) }));
    Server { address, stopper, begun, go, ended }
}

/// A connection on which these bytes were sent.
fn half_open(address: SocketAddr, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(NEVER)).expect("a time-out");
    stream.write_all(sent.as_bytes()).expect("sent");
    stream
}

fn get_request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// Reads until the server closes; what it said.
fn until_closed(mut stream: TcpStream) -> String {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("it was not closed: {error}"),
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// Reads one answer of a connection that stays open.
fn one_answer(stream: &mut TcpStream, end: &str) -> String {
    let (mut said, mut byte) = (String::new(), [0]);
    while !said.ends_with(end) {
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {said:?}"));
        said.push(char::from(byte[0]));
    }
    said
}

/// What a client may do that never comes to a request.
const HALVES: [&str; 5] =
    ["", "G", "GET /now HTTP/1.1\r\nHost: localhost\r\n", "PRI * HTTP/2.0\r\n", "POST /upload HTTP/1.1\r\nContent-Length: 1000\r\n"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_does_not_come_ends_the_connection() {
    let server = server(ConnectionLimits { header: SHORT, idle: SHORT, ..PATIENT }).await;
    for half in HALVES {
        let stream = half_open(server.address, half);
        let said = tokio::task::spawn_blocking(move || until_closed(stream)).await.expect("joined");
        assert!(!said.contains("200 OK"), "{half:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answered_connection_may_wait_and_then_may_not() {
    let server = server(ConnectionLimits { idle: SHORT, ..PATIENT }).await;
    let address = server.address;
    let said = tokio::task::spawn_blocking(move || {
        let mut stream = half_open(address, &get_request("/now"));
        assert!(one_answer(&mut stream, "now").starts_with("HTTP/1.1 200"));
        stream.write_all(get_request("/now").as_bytes()).expect("sent");
        assert!(one_answer(&mut stream, "now").starts_with("HTTP/1.1 200"));
        until_closed(stream)
    });
    assert_eq!(said.await.expect("joined"), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_keep_the_server_waiting_keep_nobody_out() {
    let most = 4;
    let server = server(ConnectionLimits { most, ..PATIENT }).await;
    let address = server.address;
    let held = tokio::task::spawn_blocking(move || {
        let mut held = Vec::new();
        for round in 0..50 {
            let upload = "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf";
            held.push(half_open(address, if round % 2 == 0 { upload } else { HALVES[round % HALVES.len()] }));
            let answer = one_answer(&mut half_open(address, &get_request("/now")), "now");
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        held
    });
    let held = held.await.expect("joined");
    // The first of them made room long ago, without any time-out.
    let first = held.into_iter().next().expect("one");
    tokio::task::spawn_blocking(move || until_closed(first)).await.expect("joined");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_are_worked_on_a_newcomer_is_told_to_come_again() {
    let most = 3;
    let server = server(ConnectionLimits { most, ..PATIENT }).await;
    let address = server.address;
    let working: Vec<_> = (0..most).map(|_| half_open(address, &get_request("/work"))).collect();
    server.begun.acquire_many(3).await.expect("open").forget();
    let refused = tokio::task::spawn_blocking(move || until_closed(TcpStream::connect(address).expect("connects")));
    assert_has(&refused.await.expect("joined"), &["HTTP/1.1 503", "retry-after: 1", "too many connections are open"]);
    server.go.add_permits(most);
    for mut stream in working {
        tokio::task::spawn_blocking(move || one_answer(&mut stream, "worked")).await.expect("answered");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_no_client() {
    let server = server(ConnectionLimits { parting: SHORT, ..PATIENT }).await;
    let address = server.address;
    let held = tokio::task::spawn_blocking(move || {
        let mut held: Vec<_> = HALVES.iter().map(|half| half_open(address, half)).collect();
        held.push(half_open(address, "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf"));
        // One that was answered and stays, and one that does not read its answer.
        let mut kept = half_open(address, &get_request("/now"));
        one_answer(&mut kept, "now");
        let mut unread = half_open(address, &get_request("/large"));
        one_answer(&mut unread, "\r\n\r\n");
        held.extend([kept, unread]);
        held
    });
    let held = held.await.expect("joined");
    let asked = Instant::now();
    server.stopper.stop();
    assert_eq!(server.ended.await.expect("joined").expect("stops"), Outcome::Stopped);
    assert!(asked.elapsed() < NEVER, "it waited for the drain's limit: {:?}", asked.elapsed());
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_what_the_server_works_on() {
    let server = server(ConnectionLimits { parting: SHORT, ..PATIENT }).await;
    let address = server.address;
    let mut working = half_open(address, &get_request("/work"));
    server.begun.acquire().await.expect("open").forget();
    let half = half_open(address, HALVES[2]);
    server.stopper.stop();
    // Once this one is cut, the time for clients is over.
    tokio::task::spawn_blocking(move || until_closed(half)).await.expect("joined");
    server.go.add_permits(1);
    let answer = tokio::task::spawn_blocking(move || one_answer(&mut working, "worked")).await.expect("joined");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.ended.await.expect("joined").expect("stops"), Outcome::Stopped);
}

#[test]
fn the_binary_raises_its_limit_of_files_and_says_what_it_got() {
    let place = Place::new().env("FLEXPRICE_SERVER_MAX_CONNECTIONS", "100000");
    let server = Serving::start(&place);
    server.stop();
    let log = std::fs::read_to_string(place.path().join("serve.log")).expect("a log");
    let line = log.lines().find(|line| line.contains("limits of this process")).unwrap_or_else(|| panic!("no limits in {log}"));
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.unwrap_or(1 << 20);
    assert_eq!(line["descriptors"], limit, "raised to the hard limit");
    assert_eq!(line["connections_max"], limit.div_euclid(2).min(100_000));
}

/// Half-open connections, requests that never end and a stop, on the whole server with its own limits.
#[test]
fn the_binary_stops_within_five_seconds_whatever_its_clients_do() {
    let place = Place::new();
    let server = Serving::start(&place);
    let address: SocketAddr = server.url.trim_start_matches("http://").parse().expect("an address");
    let key = "x-api-key: sk_local_flexprice_test_key";
    let upload = format!("POST /v1/events HTTP/1.1\r\nHost: localhost\r\n{key}\r\nContent-Length: 1000\r\n\r\n{{");
    let held: Vec<_> = HALVES.iter().copied().chain([upload.as_str()]).map(|sent| half_open(address, sent)).collect();
    let asked = Instant::now();
    server.stop();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    drop(held);
}
