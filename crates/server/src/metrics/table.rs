//! Every metric with its kind, its labels and what it tells: the one list from which `/metrics` has its help and docs/metrics.md its rows.

use std::fmt::Write as _;

use self::Kind::{Counter, Gauge, Histogram};
use self::Where::{Cluster, Embedded, Everywhere};

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often values were at most so large.
    Histogram,
}

impl Kind {
    /// The word of Prometheus.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Counter => "counter",
            Gauge => "gauge",
            Histogram => "histogram",
        }
    }
}

/// Which processes have a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// All, from their first requests on.
    Everywhere,
    /// Those with embedded stores.
    Embedded,
    /// Those of a cluster, each what its role does; or all, once something happened that is rare.
    Cluster,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// As it is scraped; of a histogram, without `_bucket`, `_sum` and `_count`.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// What its series are told apart by.
    pub labels: &'static [&'static str],
    /// Who has it.
    pub at: Where,
    /// What it tells.
    pub help: &'static str,
}

const fn metric(name: &'static str, kind: Kind, labels: &'static [&'static str], at: Where, help: &'static str) -> Metric {
    Metric { name, kind, labels, at, help }
}

/// All of them, by subject.
#[rustfmt::skip]
pub const METRICS: &[(&str, &[Metric])] = &[
    ("Requests", &[
        metric("flexprice_http_requests_total", Counter, &["method", "route", "status"], Everywhere, "requests that have ended; 499 = the client left"),
        metric("flexprice_http_request_duration_seconds", Histogram, &["method", "route"], Everywhere, "time from the head of a request to its answer"),
        metric("flexprice_http_connections", Gauge, &[], Everywhere, "open connections"),
        metric("flexprice_http_connections_closed_for_room_total", Counter, &[], Cluster, "connections that kept the server waiting and made room for others"),
        metric("flexprice_http_connections_refused_total", Counter, &[], Cluster, "connections refused because all others were worked on"),
    ]),
    ("Billing", &[
        metric("flexprice_events_total", Counter, &["result"], Everywhere, "events: new, duplicate, refused by a rule, failed (not taken, sent again); with an event log published, then new, duplicate or dead at the consumer"),
        metric("flexprice_invoices", Gauge, &["status"], Everywhere, "invoices in each status"),
        metric("flexprice_due_work_overdue", Gauge, &["kind"], Everywhere, "pieces of work that are due and not done"),
        metric("flexprice_due_work_overdue_seconds", Gauge, &["kind"], Everywhere, "for how long the first of them is due"),
        metric("flexprice_due_work_failures_total", Counter, &["kind"], Cluster, "pieces of work that failed; each is tried again"),
        metric("flexprice_outbox_events", Gauge, &[], Everywhere, "system events that were not told yet"),
        metric("flexprice_outbox_oldest_seconds", Gauge, &[], Everywhere, "for how long the first of them waits"),
    ]),
    ("Stores", &[
        metric("flexprice_sqlite_pool_connections", Gauge, &["pool", "state"], Embedded, "connections to the embedded database: open, idle, max"),
        metric("flexprice_store_bytes", Gauge, &["store"], Embedded, "files of the database and of the event store"),
        metric("flexprice_disk_free_bytes", Gauge, &[], Embedded, "free space on the disk of the data directory"),
        metric("flexprice_disk_size_bytes", Gauge, &[], Embedded, "size of that disk"),
        metric("flexprice_event_store_appended_total", Counter, &[], Embedded, "events that were stored and counted"),
        metric("flexprice_event_store_duplicate_total", Counter, &[], Embedded, "copies of events that changed nothing"),
        metric("flexprice_event_store_late_entries_total", Counter, &[], Cluster, "entries that events got after they were counted, by a backfill"),
        metric("flexprice_event_store_queue_events", Gauge, &[], Embedded, "events that wait to be written"),
        metric("flexprice_event_store_group_events", Histogram, &[], Embedded, "events written together"),
        metric("flexprice_event_store_commit_seconds", Histogram, &[], Embedded, "time of one write, until it is durable"),
        metric("flexprice_cache_looks_total", Counter, &["cache", "outcome"], Everywhere, "looks into what this process remembers: hit or miss"),
        metric("flexprice_postgres_pool_connections", Gauge, &["pool", "state"], Cluster, "connections to PostgreSQL: open, idle, max"),
        metric("flexprice_postgres_lists_total", Counter, &["answered_by"], Cluster, "lists that the reader answered, or the writer"),
        metric("flexprice_redis_up", Gauge, &[], Cluster, "1 while Redis answers"),
        metric("flexprice_redis_call_seconds", Histogram, &["call"], Cluster, "time of a call to Redis"),
        metric("flexprice_redis_errors_total", Counter, &["call"], Cluster, "calls to Redis that failed"),
        metric("flexprice_clickhouse_retries_total", Counter, &[], Cluster, "statements that ClickHouse was sent again"),
        metric("flexprice_clickhouse_lost_races_total", Counter, &[], Cluster, "batches that another consumer had stored"),
        metric("flexprice_clickhouse_copies_lost_total", Counter, &[], Cluster, "refused copies of events that could not be kept for a look"),
    ]),
    ("Event log", &[
        metric("flexprice_kafka_published_total", Counter, &[], Cluster, "events that the brokers have acknowledged"),
        metric("flexprice_kafka_publish_errors_total", Counter, &["reason"], Cluster, "requests whose events could not be published"),
        metric("flexprice_kafka_producer_queue_messages", Gauge, &[], Cluster, "messages that wait for the brokers"),
        metric("flexprice_kafka_consumer_lag", Gauge, &["group", "topic", "partition"], Cluster, "messages that a group has not read"),
        metric("flexprice_kafka_consumed_total", Counter, &["group", "topic"], Cluster, "messages that were stored"),
        metric("flexprice_kafka_batches_total", Counter, &["group", "topic"], Cluster, "batches that were stored"),
        metric("flexprice_kafka_batch_events", Histogram, &["group", "topic"], Cluster, "messages of a batch"),
        metric("flexprice_kafka_batch_seconds", Histogram, &["group", "topic"], Cluster, "time of storing a batch"),
        metric("flexprice_kafka_buffered_bytes", Gauge, &["group", "topic"], Cluster, "bytes that were read and wait to be stored"),
        metric("flexprice_kafka_retries_total", Counter, &["group", "topic"], Cluster, "batches that were tried again"),
        metric("flexprice_kafka_aged_out_total", Counter, &["group", "topic"], Cluster, "messages that Kafka had deleted before they were read"),
        metric("flexprice_kafka_dead_letters_total", Counter, &["group", "topic"], Cluster, "messages that no try would store, put aside"),
        metric("flexprice_kafka_rebalances_total", Counter, &["group"], Cluster, "times that partitions changed hands"),
        metric("flexprice_kafka_commit_errors_total", Counter, &["group"], Cluster, "commits of offsets that failed; the stores know their own"),
    ]),
    ("Workflows", &[
        metric("flexprice_workflows_started_total", Counter, &["workflow_type", "task_queue"], Cluster, "workflows that were started for due work"),
        metric("flexprice_activities_total", Counter, &["activity_type", "task_queue", "outcome"], Cluster, "activities: done, failed, cancelled"),
        metric("flexprice_activities_running", Gauge, &["activity_type", "task_queue"], Cluster, "activities under way"),
        metric("flexprice_activity_duration_seconds", Histogram, &["activity_type", "task_queue"], Cluster, "time of an activity"),
        metric("flexprice_activity_schedule_to_start_seconds", Histogram, &["activity_type", "task_queue"], Cluster, "time that an activity waited for a worker"),
        metric("flexprice_worker_restarts_total", Counter, &["task_queue"], Cluster, "times that a worker had to be started again"),
    ]),
    ("Process", &[
        metric("flexprice_build_info", Gauge, &["version", "cluster"], Everywhere, "1, for the version of this build and whether it speaks to the servers of a cluster"),
        metric("process_cpu_seconds_total", Counter, &[], Everywhere, "processor time, user and system"),
        metric("process_resident_memory_bytes", Gauge, &[], Everywhere, "memory in use"),
        metric("process_virtual_memory_bytes", Gauge, &[], Everywhere, "address space in use"),
        metric("process_virtual_memory_max_bytes", Gauge, &[], Everywhere, "most address space; 0 = no limit"),
        metric("process_open_fds", Gauge, &[], Everywhere, "open file descriptors"),
        metric("process_max_fds", Gauge, &[], Everywhere, "most of them"),
        metric("process_threads", Gauge, &[], Everywhere, "threads"),
        metric("process_start_time_seconds", Gauge, &[], Everywhere, "when the process started, since 1970"),
    ]),
];

/// Every metric.
pub fn all() -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().flat_map(|(_, metrics)| *metrics)
}

/// Tells the recorder of this process what they mean.
pub(super) fn describe() {
    for metric in all() {
        match metric.kind {
            Counter => metrics::describe_counter!(metric.name, metric.help),
            Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
}

const INTRODUCTION: &str = "\
# Metrics

`GET /metrics` of every process, in the text format of Prometheus. Written from the table in the code (`make docs`), and a test holds a scrape
to it. Labels are words of this program: no name, id or path that somebody else chooses becomes one, and what is not known is `other`.

Numbers of the database and of files (invoices, due work, outbox, sizes, free disk) are gathered when somebody scrapes, and at most as often
as `server.metrics_every` says; when gathering takes long, less often, so that it takes a twentieth of the time at most. A scrape waits a
second for them and shows the last ones else. Those of the database are over all tenants, and every process of a cluster gives the same: take
`max`, not `sum`. Which metric answers which question of an operator is in [scaling](scaling.md#what-to-watch); alerts are in
[deploy/prometheus](../deploy/prometheus).

*Where*: in every process; in one with embedded stores; or in a cluster by role, and elsewhere once it has happened. A worker has those of the
Temporal SDK besides, named `temporal_…`, with the SDK's own help.
";

/// The page docs/metrics.md.
#[must_use]
pub fn reference_markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (subject, metrics) in METRICS {
        // Text takes every line.
        let _taken = write!(text, "\n## {subject}\n\n| metric | kind | labels | where | tells |\n| --- | --- | --- | --- | --- |\n");
        for Metric { name, kind, labels, at, help } in *metrics {
            let at = match at {
                Everywhere => "everywhere",
                Embedded => "embedded",
                Cluster => "as it happens",
            };
            let _taken = writeln!(text, "| `{name}` | {} | {} | {at} | {help} |", kind.name(), labels.join(", "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_those_of_prometheus() {
        let mut names = BTreeSet::new();
        for metric in all() {
            assert!(names.insert(metric.name), "{} stands twice", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Counter, "{}", metric.name);
            assert!(!metric.help.ends_with('.') && !metric.help.contains('|'), "{}", metric.name);
        }
    }
}
