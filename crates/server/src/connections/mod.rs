//! Open connections: how many there may be, how long each may keep the server waiting, and what becomes of them at a stop.
//!
//! A connection is either the server's turn (a request that has arrived whole and is not answered yet) or its client's (anything else: no
//! request yet, half a head, half a body, an answer that nobody reads). Nothing that is the client's turn may keep others out or hold a
//! stop up.

mod body;
mod connection;
mod turn;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::connection::serve_connection;
use self::turn::Open;

/// Bounds on connections.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Most that are open at once. Beyond it the one goes that has kept the server waiting longest; when all are the server's turn, the
    /// newcomer is refused.
    pub most: usize,
    /// How long the head of the first request may take.
    pub header: Duration,
    /// How long a connection that has been answered may take until the head of its next request is there.
    pub idle: Duration,
    /// How long a stopping server waits for what is its clients' turn.
    pub parting: Duration,
}

/// Pause after the system would not hand a connection out: no descriptor is free, which the next moment may change.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a newcomer is told when every connection is the server's turn.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\n\
    content-length: 134\r\n\r\n{\"success\":false,\"code\":\"service_unavailable\",\"message\":\"too many connections are open: try again in a moment\",\"http_status_code\":503}";

/// Serves connections until told to stop, then closes the listener and returns when the last connection has ended. Dropping the future cuts
/// all of them.
pub(crate) async fn serve_connections(listener: TcpListener, router: Router, limits: ConnectionLimits, mut stop: watch::Receiver<bool>) {
    let open = Arc::new(Open::new(limits.most));
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let Some(entry) = open.enter() else {
                        refuse(&stream);
                        continue;
                    };
                    tasks.spawn(serve_connection(stream, entry, router.clone(), limits, stop.clone()));
                }
                Err(error) => pause_after(&error).await,
            },
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection ended badly");
                }
            }
        }
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

/// Completes once the server is told to stop, or whoever could tell is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _told_or_gone = stop.wait_for(|stop| *stop).await;
}

fn refuse(stream: &TcpStream) {
    metrics::counter!("flexprice_http_connections_refused_total").increment(1);
    // A fresh connection takes so few bytes at once, or its client will have to do without.
    let _sent = stream.try_write(FULL);
}

/// A client that has gone again is nothing to wait for.
async fn pause_after(error: &io::Error) {
    let is_of_client =
        matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset);
    if !is_of_client {
        tracing::error!(%error, "no connection can be accepted");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_has_the_length_that_it_says() {
        let text = str::from_utf8(FULL).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a body");
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{} bytes", body.len());
        assert_eq!(serde_json::from_str::<serde_json::Value>(body).expect("JSON")["code"], "service_unavailable");
    }
}
