//! How much comes in, and how far consumers are behind (spec 10 §9.5).

use domain::meter::Window;
use domain::scope::Scope;
use domain::time::{Clock, Period, Timestamp};
use streams::EventFilter;

use super::log::LogLag;
use crate::{App, Result};

/// How long a lag that was asked for is answered again: brokers are not asked by every caller.
const LAG_KEPT_MICROS: i64 = 5_000_000;
/// Most windows of one answer that have events.
const WINDOWS_MAX: usize = 50_000;

/// Events of a time, and what waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventMonitoring {
    /// Events in the time.
    pub total: u64,
    /// Per window that has events, ascending; `None` without windows.
    pub points: Option<Vec<(Timestamp, u64)>>,
    /// What consumers have not read.
    pub lag: LogLag,
}

/// The lag that was asked for last, and when.
pub(crate) type KnownLag = tokio::sync::Mutex<Option<(Timestamp, LogLag)>>;

impl App {
    /// The number of events of a time, in windows where asked for, and the lag of the consumers. What does not answer is an error, never 0.
    pub async fn event_monitoring(&self, scope: &Scope, period: Period, window: Option<Window>) -> Result<EventMonitoring> {
        let lag = self.log_lag().await?;
        let Some(window) = window else {
            let filter = EventFilter { from: Some(period.start), until: Some(period.end), ..EventFilter::default() };
            let total = if period.is_empty() { 0 } else { self.events().count_events(scope, filter).await? };
            return Ok(EventMonitoring { total, points: None, lag });
        };
        let counts =
            if period.is_empty() { Vec::new() } else { self.events().count_events_by_window(scope, period, window, WINDOWS_MAX).await? };
        let total = counts.iter().map(|(_, count)| count).sum();
        let points = counts.into_iter().map(|(window, count)| (window.start, count)).collect();
        Ok(EventMonitoring { total, points: Some(points), lag })
    }

    async fn log_lag(&self) -> Result<LogLag> {
        let Some(log) = &self.shared.log else { return Ok(LogLag::default()) };
        let now = self.clocks().system_now();
        // Held while brokers are asked: who comes meanwhile waits for the same answer.
        let mut known = self.shared.lag.lock().await;
        if let Some((asked_at, lag)) = *known
            && (asked_at..asked_at.plus_micros(LAG_KEPT_MICROS)).contains(&now)
        {
            return Ok(lag);
        }
        let lag = log.lag().await?;
        *known = Some((now, lag));
        Ok(lag)
    }
}
