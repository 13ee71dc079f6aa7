//! Stopping: requests in flight are finished, the stores closed, a second request ends it at once.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use server::config::ListenAddress;
use server::connections::ConnectionLimits;
use server::serve::{Limits, Outcome, bind, serve};
use server::signals::{Signals, Stopper};
use tokio::sync::Notify;

use crate::support::Place;

/// No client of these tests is left waiting.
const CONNECTIONS: ConnectionLimits =
    ConnectionLimits { most: 100, header: Duration::from_secs(30), idle: Duration::from_secs(30), parting: Duration::from_secs(30) };

/// A server whose one route waits until it is told to answer.
struct Slow {
    address: SocketAddr,
    stopper: Stopper,
    reached: Arc<Notify>,
    answer: Arc<Notify>,
    closed: Arc<AtomicBool>,
    ended: tokio::task::JoinHandle<anyhow::Result<Outcome>>,
}

async fn slow(drain: Duration) -> Slow {
    let (reached, answer, closed) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let listener = bind(&ListenAddress::parse("127.0.0.1:0").expect("an address")).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (here, go) = (reached.clone(), answer.clone());
    let router = Router::new().route(
        "/slow",
        get(move || async move {
            here.notify_one();
            go.notified().await;
            "done"
        }),
    );
    let (stopper, signals) = Signals::manual();
    let flag = closed.clone();
    let close = async move {
        flag.store(true, Ordering::SeqCst);
        Ok(())
    };
    let ended = tokio::spawn(serve(listener, router, Limits { drain, connections: CONNECTIONS }, signals, close));
    Slow { address, stopper, reached, answer, closed, ended }
}

fn request(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map(|_| text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_flight_is_answered_before_the_stores_close() {
    let server = slow(Duration::from_secs(30)).await;
    let address = server.address;
    let asked = tokio::task::spawn_blocking(move || request(address, "/slow"));
    server.reached.notified().await;
    server.stopper.stop();
    // The listener is gone as soon as the server drains.
    while TcpStream::connect(address).is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.closed.load(Ordering::SeqCst), "closed under a request");
    server.answer.notify_one();
    assert!(asked.await.expect("joined").expect("answered").ends_with("done"));
    assert_eq!(server.ended.await.expect("joined").expect("stops"), Outcome::Stopped);
    assert!(server.closed.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_never_ends_is_left_behind() {
    let server = slow(Duration::from_millis(20)).await;
    let address = server.address;
    let asked = tokio::task::spawn_blocking(move || request(address, "/slow"));
    server.reached.notified().await;
    server.stopper.stop();
    assert_eq!(server.ended.await.expect("joined").expect("stops"), Outcome::Stopped);
    assert!(server.closed.load(Ordering::SeqCst));
    server.answer.notify_one();
    drop(asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_request_to_stop_ends_it_at_once() {
    let server = slow(Duration::from_secs(3600)).await;
    let address = server.address;
    let asked = tokio::task::spawn_blocking(move || request(address, "/slow"));
    server.reached.notified().await;
    server.stopper.stop();
    server.stopper.stop();
    assert_eq!(server.ended.await.expect("joined").expect("stops"), Outcome::Interrupted);
    assert!(!server.closed.load(Ordering::SeqCst));
    server.answer.notify_one();
    drop(asked);
}

/// The binary, killed when a test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn the_binary_announces_its_address_and_stops_on_sigterm() {
    let place = Place::new();
    let child = place.flexprice(&["--address", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut running = Running(child);
    let mut banner = String::new();
    BufReader::new(running.0.stdout.take().expect("piped")).read_line(&mut banner).expect("a banner");
    let (_, rest) = banner.split_once("listening on http://").unwrap_or_else(|| panic!("no address in {banner:?}"));
    let (address, rest) = rest.split_once(' ').expect("an address");
    assert!(rest.contains("mode local") && rest.contains("/data"), "{banner}");
    let health = request(address.parse().expect("an address"), "/health").expect("answers");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");

    let killed = Command::new("kill").args(["-TERM", &running.0.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    let mut log = String::new();
    running.0.stderr.take().expect("piped").read_to_string(&mut log).expect("a log");
    assert_eq!(running.0.wait().expect("ends").code(), Some(0), "{log}");
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
    }
    assert!(log.contains("stopped"), "{log}");
}
