//! What can be asked for. The defaults take about two minutes.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};

use crate::workload::{BATCH_EVENTS, Workload};

/// Most events of one run: what fits a small disk.
const EVENTS_MAX: u64 = 100_000_000;

/// Measures the release build of the server, beside baselines of the same run
#[derive(Debug, Parser)]
#[command(name = "bench", max_term_width = 120)]
pub(crate) struct Arguments {
    /// Measure reads after so many events; several numbers measure at each
    #[arg(long, value_delimiter = ',', value_name = "N", default_value = "1000000")]
    events: Vec<u64>,
    /// Customers, each with a subscription
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) customers: u32,
    /// Hours of event time that the events spread over, in order: 720 fill a month as a backfill does, 1 is traffic as it happens
    #[arg(long, value_name = "N", default_value = "720", value_parser = clap::value_parser!(u16).range(1..=720))]
    pub(crate) hours: u16,
    /// Connections that send bulk requests
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) connections: u16,
    /// Requests per kind of read
    #[arg(long, value_name = "N", default_value = "4000", value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub(crate) reads: u32,
    /// Connections that read
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) read_connections: u16,
    /// Connections that get customers
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) customer_connections: u16,
    /// Seconds of getting customers
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u64).range(1..=60))]
    customer_seconds: u64,
    /// Write all figures here
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// The server's binary; beside this one when absent
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Where the directory for data is made; the system's place for temporary files when absent
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// A part of the benchmark by itself
    #[command(subcommand)]
    pub(crate) mode: Option<Mode>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// Serve the baseline: read bodies, answer, do nothing else
    #[command(hide = true)]
    Bare,
}

impl Arguments {
    /// Numbers of events after which reads are measured: whole batches, ascending.
    pub(crate) fn stages(&self) -> Vec<u64> {
        let batch = u64::from(BATCH_EVENTS);
        let mut stages: Vec<u64> = self.events.iter().map(|events| events.clamp(&1, &EVENTS_MAX).div_ceil(batch) * batch).collect();
        stages.sort_unstable();
        stages.dedup();
        stages
    }

    /// The events of a run of so many.
    pub(crate) fn workload(&self, events: u64) -> Workload {
        Workload { events, customers: self.customers, hours: self.hours }
    }

    /// Events that a baseline of ingest takes in: enough to be steady.
    pub(crate) fn baseline_events(&self) -> u64 {
        self.stages().last().copied().unwrap_or(0).min(1_000_000)
    }

    pub(crate) fn customer_time(&self) -> Duration {
        Duration::from_secs(self.customer_seconds)
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.dir.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// The server's binary.
    pub(crate) fn server(&self) -> anyhow::Result<PathBuf> {
        let path = match &self.server {
            Some(path) => path.clone(),
            None => std::env::current_exe()?.with_file_name("flexprice"),
        };
        if !path.is_file() {
            bail!("{} does not exist: build it with `cargo build --release -p server`, or name it with --server", path.display());
        }
        std::path::absolute(&path).with_context(|| format!("{}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_whole_batches_in_order() {
        let arguments = Arguments::parse_from(["bench", "--events", "10000000,1,1000,1500"]);
        assert_eq!(arguments.stages(), [1_000, 2_000, 10_000_000]);
        assert_eq!(arguments.baseline_events(), 1_000_000);
    }
}
