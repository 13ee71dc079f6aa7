//! The Prometheus recorder behind the `metrics` macros; the API's `/metrics` route renders it.

pub mod table;

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds in seconds for every histogram whose name ends in `_seconds`.
const SECONDS: [f64; 15] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Upper bounds for every histogram whose name ends in `_events`.
const EVENTS: [f64; 9] = [1.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 5_000.0, 10_000.0, 50_000.0];

/// Samples of histograms are folded in so often, also when nobody scrapes; else they would pile up in memory.
const UPKEEP: Duration = Duration::from_secs(5);

/// Everything recorded so far.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Makes the recorder of this process. Possible once.
    ///
    /// # Errors
    /// When the process has a recorder already.
    pub fn install() -> Result<Self, BuildError> {
        let metrics = Self { handle: builder()?.install_recorder()? };
        table::describe();
        metrics::gauge!("flexprice_build_info", "version" => env!("CARGO_PKG_VERSION"), "cluster" => cfg!(feature = "cluster").to_string())
            .set(1);
        Ok(metrics)
    }

    /// The text form of Prometheus, version 0.0.4, with the process as it is now.
    #[must_use]
    pub fn render(&self) -> String {
        metrics_process::Collector::default().collect();
        self.handle.render()
    }

    /// The exporter's own handle, for a route that wants nothing of this crate.
    #[must_use]
    pub fn handle(&self) -> PrometheusHandle {
        self.handle.clone()
    }

    /// Folds samples in until the task is aborted.
    pub fn spawn_upkeep(&self) -> tokio::task::JoinHandle<()> {
        let handle = self.handle.clone();
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(UPKEEP);
            loop {
                tick.tick().await;
                handle.run_upkeep();
            }
        })
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_events".into()), &EVENTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_buckets() {
        let recorder = builder().expect("a builder").build_recorder();
        let metrics = Metrics { handle: recorder.handle() };
        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!("http_request_seconds").record(0.003);
            metrics::counter!("events_total").increment(2);
        });
        let text = metrics.render();
        assert!(text.contains("http_request_seconds_bucket{le=\"0.005\"} 1"), "{text}");
        assert!(text.contains("events_total 2"), "{text}");
    }
}
