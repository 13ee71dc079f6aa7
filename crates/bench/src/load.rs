//! Closed loop: each connection has one request under way, the next begins when the answer is there. Bounded in count and time.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::ProgressBar;

use crate::connection::Connection;

/// A run that was to send all its requests fails after this time.
const TIME_MAX: Duration = Duration::from_secs(1_800);
/// A server that takes no request of a connection for so long has stopped working.
const BUSY_MAX: Duration = Duration::from_secs(60);
/// Pause after a busy server refused.
const BUSY_PAUSE: Duration = Duration::from_millis(2);

/// What to send, and how much of it.
pub(crate) struct Load<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) connections: u16,
    /// Requests are numbered from 0; so many are sent at most.
    pub(crate) requests: u64,
    /// Ends earlier after this time.
    pub(crate) time_max: Option<Duration>,
    /// The only status that counts as success.
    pub(crate) status: u16,
    /// Makes the request of a number in the connection's buffer, which holds its previous request.
    pub(crate) fill: &'a (dyn Fn(u64, &mut Vec<u8>) + Sync),
    pub(crate) label: &'static str,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Successful requests.
    pub(crate) requests: u64,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// Answers 429 and 503, each followed by another try.
    pub(crate) refused: u64,
    /// Of successful requests, microseconds, ascending.
    latencies: Vec<u32>,
}

impl Measured {
    pub(crate) fn of(requests: u64, took: Duration, mut latencies: Vec<u32>) -> Self {
        latencies.sort_unstable();
        Self { requests, took, refused: 0, latencies }
    }

    /// Requests per second.
    #[expect(clippy::cast_precision_loss, reason = "a figure for reading")]
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// The latency that so many percent of the requests do not exceed, in milliseconds.
    pub(crate) fn percentile_ms(&self, percent: usize) -> f64 {
        let rank = (self.latencies.len() * percent).div_ceil(100).saturating_sub(1);
        self.latencies.get(rank).map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
    }
}

/// Sends the load. A refusal by a busy server is repeated and its time counts; any other answer ends the run.
pub(crate) fn run(load: &Load<'_>) -> anyhow::Result<Measured> {
    let next = AtomicU64::new(0);
    let latencies = Mutex::new(Vec::new());
    let refused = AtomicU64::new(0);
    let bar = crate::report::bar(load.label, load.requests, load.time_max.is_none());
    let mut connections = (0..load.connections).map(|_| Connection::open(load.address)).collect::<Result<Vec<_>, _>>()?;
    let started = Instant::now();
    std::thread::scope(|scope| {
        let workers: Vec<_> = connections
            .iter_mut()
            .map(|connection| {
                scope.spawn(|| {
                    let (mine, busy) = work(load, connection, &next, started, &bar)?;
                    refused.fetch_add(busy, Ordering::Relaxed);
                    latencies.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(mine);
                    anyhow::Ok(())
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow::anyhow!("a connection's thread panicked"))?)
    })
    .with_context(|| format!("load: {}", load.label))?;
    let took = started.elapsed();
    bar.finish_and_clear();
    let latencies = latencies.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut measured = Measured::of(latencies.len() as u64, took, latencies);
    measured.refused = refused.into_inner();
    Ok(measured)
}

/// One connection until nothing is left; latencies and number of refusals.
fn work(
    load: &Load<'_>,
    connection: &mut Connection,
    next: &AtomicU64,
    started: Instant,
    bar: &ProgressBar,
) -> anyhow::Result<(Vec<u32>, u64)> {
    let mut latencies = Vec::new();
    let mut refused = 0;
    let mut request = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= load.requests || load.time_max.is_some_and(|time_max| started.elapsed() > time_max) {
            return Ok((latencies, refused));
        }
        if started.elapsed() > TIME_MAX {
            bail!("only {number} of {} requests were sent in {TIME_MAX:?}", load.requests);
        }
        (load.fill)(number, &mut request);
        let sent = Instant::now();
        loop {
            let (status, answer) = connection.exchange(&request)?;
            if status == load.status {
                break;
            }
            if !matches!(status, 429 | 503) {
                bail!("{status} {}", String::from_utf8_lossy(answer));
            }
            if sent.elapsed() > BUSY_MAX {
                bail!("refused for {BUSY_MAX:?}, last: {status} {}", String::from_utf8_lossy(answer));
            }
            refused += 1;
            std::thread::sleep(BUSY_PAUSE);
        }
        latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        if load.time_max.is_none() {
            bar.inc(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let measured = Measured::of(100, Duration::from_secs(2), (1..=100).rev().map(|n| n * 1000).collect());
        assert_eq!([50, 99, 100].map(|percent| measured.percentile_ms(percent)), [50.0, 99.0, 100.0]);
        assert_eq!(measured.per_second(), 50.0);
    }
}
