//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tower::ServiceExt as _;

use super::ConnectionLimits;
use super::body::Arriving;
use super::turn::{Asked, Entry};

/// Serves one connection until it ends, has to make room, keeps the server waiting too long, or the server stops.
pub(super) async fn serve_connection(
    stream: TcpStream,
    entry: Entry,
    router: Router,
    limits: ConnectionLimits,
    mut stop: watch::Receiver<bool>,
) {
    // Answers are small: without this the kernel may hold them back to fill a packet.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let entry = Arc::new(entry);
    let service = tower::service_fn({
        let entry = entry.clone();
        move |request: Request<Incoming>| answer(router.clone(), request, entry.asks())
    });
    let builder = builder(limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)));
    // Until the first head: before it is known which version of HTTP is spoken, nobody else watches the time.
    let mut alarm = pin!(sleep(limits.header));
    let mut until = Until::Asked;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = entry.turn.make_room.notified() => return,
            () = super::stopped(&mut stop), if !matches!(until, Until::Parted(_)) => {
                connection.as_mut().graceful_shutdown();
                alarm.as_mut().reset(Instant::now() + limits.parting);
                until = Until::Parted(entry.turn.since());
            }
            () = alarm.as_mut(), if !matches!(until, Until::Ended) => match until {
                Until::Asked if entry.turn.has_asked() => until = Until::Ended,
                // Nothing happened for the whole time, and it is the client's turn.
                Until::Parted(since) if entry.turn.is_servers() || entry.turn.since() != since => {
                    alarm.as_mut().reset(Instant::now() + limits.parting);
                    until = Until::Parted(entry.turn.since());
                }
                Until::Asked | Until::Parted(_) => return,
                Until::Ended => {}
            }
        }
    }
}

/// What the alarm of a connection is about.
#[derive(Clone, Copy)]
enum Until {
    /// The first request.
    Asked,
    /// Nothing: it is closed by its client, or for its silence.
    Ended,
    /// The stop, which began when the connection was in this state.
    Parted(u64),
}

fn builder(limits: ConnectionLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.idle);
    // A peer that no longer answers pings is gone.
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(limits.idle).keep_alive_timeout(limits.header);
    builder
}

/// The answer to one request; the turn goes back to the client with it, or when the client is gone.
async fn answer(router: Router, request: Request<Incoming>, asked: Arc<Asked>) -> Result<Response<Body>, Infallible> {
    let _turn = Working(asked.clone());
    router.oneshot(request.map(|body| Body::new(Arriving::new(body, asked)))).await
}

struct Working(Arc<Asked>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.is_answered();
    }
}
