//! The HTTP server: bind, serve, drain, close.

use std::future::Future;
use std::io;
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::ListenAddress;
use crate::connections::{ConnectionLimits, serve_connections};
use crate::signals::Signals;

/// Bounds on serving.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a stopping server waits for requests that it works on.
    pub drain: Duration,
    /// Those of connections.
    pub connections: ConnectionLimits,
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Asked once; drained and closed.
    Stopped,
    /// Asked twice; left everything as it was. What was acknowledged is durable.
    Interrupted,
}

/// Listens on an address.
///
/// # Errors
/// Says which address and what to do when it is taken, foreign or forbidden.
pub async fn bind(address: &ListenAddress) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address.target()).await.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "another process listens there; stop it or set FLEXPRICE_SERVER_ADDRESS",
            io::ErrorKind::AddrNotAvailable => "no interface of this machine has this address; set FLEXPRICE_SERVER_ADDRESS",
            io::ErrorKind::PermissionDenied => "ports below 1024 are for root; set FLEXPRICE_SERVER_ADDRESS",
            _ => "check FLEXPRICE_SERVER_ADDRESS",
        };
        anyhow!("cannot listen on {address}: {error} ({hint})")
    })
}

/// Serves until asked to stop; then accepts nothing more, waits for the requests that it works on up to the limit, and runs `close`.
/// A second request to stop ends it at once, also during `close`.
///
/// # Errors
/// When `close` fails.
pub async fn serve<C>(listener: TcpListener, router: Router, limits: Limits, mut signals: Signals, close: C) -> anyhow::Result<Outcome>
where
    C: Future<Output = anyhow::Result<()>>,
{
    let (stop, stopped) = watch::channel(false);
    let mut server = tokio::spawn(serve_connections(listener, router, limits.connections, stopped));

    tokio::select! {
        ended = &mut server => {
            ended.context("the server task failed")?;
            return Err(anyhow!("the server ended without being asked to"));
        }
        () = signals.next() => {}
    }
    tracing::info!(drain_seconds = limits.drain.as_secs(), "stopping: finishing requests in flight");
    let _gone = stop.send(true);
    let finish = async {
        match tokio::time::timeout(limits.drain, &mut server).await {
            Ok(ended) => ended.context("the server task failed")?,
            Err(_) => {
                tracing::warn!("requests are still in flight after the time limit; closing without them");
                server.abort();
            }
        }
        close.await
    };
    tokio::select! {
        finished = finish => {
            finished?;
            tracing::info!("stopped");
            Ok(Outcome::Stopped)
        }
        () = signals.next() => Ok(Outcome::Interrupted),
    }
}
