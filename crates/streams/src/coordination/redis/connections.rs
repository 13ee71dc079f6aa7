//! Connections that are known to be good or bad, so that no call waits for a server that went.
//!
//! Each connection is watched: it is good once a small write passed, and no longer when the connection broke, a call timed out or the
//! write, repeated every second, failed. It is a write, because a server that only reads cannot tell of changes: a primary that became a
//! replica, one whose disk or memory is full. A call takes a good connection or fails at once; those on their way when it turns bad fail
//! at once, too. So the time-out is paid by the calls that met the silence first, and by nobody after them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fred::clients::{Client, WithOptions};
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, EventInterface, KeysInterface};
use fred::types::config::{Options, Server};
use fred::types::{ConnectHandle, Expiration};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::super::CoordinationError;
use super::options::RedisOptions;

/// Between proofs that a good connection is good.
const GOOD_EVERY: Duration = Duration::from_secs(1);
/// Between trials of a bad connection.
const BAD_EVERY: Duration = Duration::from_millis(50);
/// Longest wait for a proof.
const PROOF_TIMEOUT_MAX: Duration = Duration::from_millis(500);
/// How long the key of the proof lives, in seconds.
const PROOF_SECONDS: i64 = 60;

/// A client as calls use it: what cannot be sent now fails.
pub(super) type Caller = WithOptions<Client>;

struct Connection {
    client: Client,
    good: watch::Sender<bool>,
    made: Mutex<Made>,
}

/// How often a connection was made.
struct Made {
    /// Says so before any call can use the connection.
    news: Receiver<Server>,
    count: u64,
}

struct Shared {
    connections: Vec<Connection>,
    /// Whether any connection is good.
    up: watch::Sender<bool>,
    next: AtomicUsize,
    /// Counts connections made: a server that lost or forgot something was lost from sight in between.
    session: AtomicU64,
    servers: String,
    timeout: Duration,
    proof_key: String,
}

/// The connections of one process.
pub(super) struct Connections {
    shared: Arc<Shared>,
    /// Ends the watching, and with it the connections, when dropped.
    _watching: JoinSet<()>,
}

impl Connections {
    /// Begins to connect, and waits for it no longer than the time-out.
    pub(super) async fn open(options: &RedisOptions) -> Result<Self, CoordinationError> {
        let config = options.config()?;
        let connections = (0..options.pool_size.max(1)).map(|_| {
            let (performance, connection) = (options.performance(), options.connection());
            let client = Client::new(config.clone(), Some(performance), Some(connection), Some(RedisOptions::reconnect()));
            let made = Mutex::new(Made { news: client.reconnect_rx(), count: 0 });
            Connection { client, good: watch::Sender::new(false), made }
        });
        let shared = Arc::new(Shared {
            connections: connections.collect(),
            up: watch::Sender::new(false),
            next: AtomicUsize::new(0),
            session: AtomicU64::new(0),
            servers: options.servers(),
            timeout: options.timeout,
            proof_key: format!("{}:proof", options.key_prefix),
        });
        metrics::gauge!("flexprice_redis_up").set(0.0);
        let mut watching = JoinSet::new();
        for index in 0..shared.connections.len() {
            watching.spawn(watch(shared.clone(), index));
        }
        // For all, not for the first: one that is made later begins a session, and changes numbers that were heard already.
        let all = async {
            for connection in &shared.connections {
                drop(connection.good.subscribe().wait_for(|good| *good).await);
            }
        };
        if timeout(options.timeout, all).await.is_err() && !*shared.up.borrow() {
            tracing::warn!(servers = shared.servers, "Redis does not answer yet; it is tried on");
        }
        Ok(Self { shared, _watching: watching })
    }

    /// Runs one call on a good connection, and says in which session it was answered: `None` when the connection was made anew meanwhile, so
    /// that nobody knows by which memory.
    pub(super) async fn call<T, F>(&self, name: &'static str, run: impl FnOnce(Caller) -> F) -> Result<(T, Option<u64>), CoordinationError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let began = Instant::now();
        let result = self.shared.call(run).await;
        metrics::histogram!("flexprice_redis_call_seconds", "call" => name).record(began.elapsed().as_secs_f64());
        result.map_err(|error| {
            metrics::counter!("flexprice_redis_errors_total", "call" => name).increment(1);
            CoordinationError(error.to_string())
        })
    }
}

impl Shared {
    async fn call<T, F>(&self, run: impl FnOnce(Caller) -> F) -> Result<(T, Option<u64>), Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let connection = self.pick().ok_or_else(|| Error::new(ErrorKind::IO, "Redis is down"))?;
        let mut good = connection.good.subscribe();
        let (session, made) = self.session(connection);
        let result = tokio::select! {
            biased;
            result = run(caller(&connection.client, self.timeout)) => result,
            () = async { drop(good.wait_for(|good| !good).await) } => Err(Error::new(ErrorKind::IO, "the connection was lost")),
        };
        match result {
            Ok(value) => Ok((value, (made == self.session(connection).1).then_some(session))),
            Err(error) => {
                match error.kind() {
                    // The server is silent on this connection; whether on others, too, their next proof says.
                    ErrorKind::Timeout => (0..self.connections.len()).for_each(|index| self.mark(index, Some(&error))),
                    ErrorKind::IO | ErrorKind::Canceled => {
                        connection.good.send_if_modified(std::mem::take);
                        self.hear(Some(&error));
                    }
                    _ => {}
                }
                Err(error)
            }
        }
    }

    /// The next good connection, in turn.
    fn pick(&self) -> Option<&Connection> {
        let count = self.connections.len();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        (0..count).map(|step| &self.connections[first.wrapping_add(step) % count]).find(|connection| *connection.good.borrow())
    }

    /// The session now, with what this connection went through until now, and how often it was made.
    fn session(&self, connection: &Connection) -> (u64, u64) {
        let mut made = connection.made.lock().unwrap_or_else(PoisonError::into_inner);
        while matches!(made.news.try_recv(), Ok(_) | Err(TryRecvError::Lagged(_))) {
            made.count += 1;
            self.session.fetch_add(1, Ordering::SeqCst);
        }
        (self.session.load(Ordering::SeqCst), made.count)
    }

    /// Listens to a client that was started anew.
    fn begin_again(&self, connection: &Connection) {
        let mut made = connection.made.lock().unwrap_or_else(PoisonError::into_inner);
        *made = Made { news: connection.client.reconnect_rx(), count: made.count + 1 };
        self.session.fetch_add(1, Ordering::SeqCst);
    }

    /// Marks a connection as bad for a reason, or as good.
    fn mark(&self, index: usize, bad: Option<&Error>) {
        self.connections[index].good.send_if_modified(|good| std::mem::replace(good, bad.is_none()) != bad.is_none());
        self.hear(bad);
    }

    /// Says once when the last good connection went, and once when the first came back.
    fn hear(&self, reason: Option<&Error>) {
        self.up.send_if_modified(|up| {
            let now = self.connections.iter().any(|connection| *connection.good.borrow());
            let changed = std::mem::replace(up, now) != now;
            if changed && now {
                tracing::info!(servers = self.servers, "Redis answers");
            } else if changed {
                tracing::warn!(
                    servers = self.servers,
                    reason = reason.map(ToString::to_string),
                    "Redis is down: calls fail at once until it answers"
                );
            }
            if changed {
                metrics::gauge!("flexprice_redis_up").set(if now { 1.0 } else { 0.0 });
            }
            changed
        });
    }
}

fn caller(client: &Client, timeout: Duration) -> Caller {
    client.with_options(&Options { timeout: Some(timeout), fail_fast: true, max_attempts: Some(1), ..Options::default() })
}

/// Ends a connection with the task that watches it.
struct Connecting(ConnectHandle);

impl Drop for Connecting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Keeps one connection, and marks it as good or bad for as long as the process lives.
async fn watch(shared: Arc<Shared>, index: usize) {
    let connection = &shared.connections[index];
    let proof_timeout = shared.timeout.min(PROOF_TIMEOUT_MAX);
    let mut errors = connection.client.error_rx();
    let mut marked = connection.good.subscribe();
    let mut connecting = Connecting(connection.client.connect());
    loop {
        while !matches!(errors.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
        let proof =
            caller(&connection.client, proof_timeout).set(&shared.proof_key, 1, Some(Expiration::EX(PROOF_SECONDS)), None, false).await;
        let proof: Result<(), Error> = proof;
        // The session begins before the connection is used, not with the first call.
        shared.session(connection);
        shared.mark(index, proof.as_ref().err());
        marked.mark_unchanged();
        let pause = match &proof {
            Ok(()) => GOOD_EVERY,
            Err(error) => {
                // Another server may be the primary by now.
                if error.details().starts_with("READONLY") {
                    drop(timeout(shared.timeout, connection.client.force_reconnection()).await);
                }
                BAD_EVERY
            }
        };
        if connecting.0.is_finished() {
            // Refused for good, as with a wrong password: the next try may be let in.
            sleep(GOOD_EVERY).await;
            connecting = Connecting(connection.client.connect());
            shared.begin_again(connection);
            errors = connection.client.error_rx();
        }
        let pause = sleep(pause);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                _ = marked.changed() => break,
                lost = errors.recv() => match lost {
                    Ok((error, Some(_))) => shared.mark(index, Some(&error)),
                    Ok((_, None)) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => { (&mut pause).await; break }
                },
            }
        }
        if !*marked.borrow() {
            sleep(BAD_EVERY).await;
        }
    }
}
