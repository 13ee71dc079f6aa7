//! The tables: one definition, written out for a single server or for a cluster (ADR 0005).

use super::sql;

/// How many inserts a table remembers by their tokens: at fifty inserts a second over half an hour, while a token has to be known only
/// from a look-up until the insert that follows it, with all its repetitions (four times the insert's time limit).
const TOKENS: u32 = 100_000;
/// The same for replicated tables, where each token is a node in the keeper: over six minutes at that rate.
const TOKENS_REPLICATED: u32 = 20_000;
/// Tokens of replicated tables by age: a week, so that their number alone decides.
const TOKENS_SECONDS: u32 = 604_800;

/// Where tables are made.
pub(super) struct Target<'a> {
    pub(super) database: &'a str,
    pub(super) cluster: Option<&'a str>,
}

/// A numbered step of the schema. Steps are only ever added; each statement may run twice.
pub(super) struct Migration {
    pub(super) version: u32,
    pub(super) name: &'static str,
    pub(super) statements: fn(&Target<'_>) -> Vec<String>,
}

/// All steps in their order.
pub(super) const MIGRATIONS: [Migration; 2] = [
    Migration { version: 1, name: "events and usage ledger", statements: first },
    Migration { version: 2, name: "ledger of costs", statements: second },
];

/// Days that a refused copy is kept: as long as an id is recognized at least (ADR 0005).
const COPIES_DAYS: u32 = 35;

/// One table.
struct Table {
    name: &'static str,
    columns: &'static str,
    order: &'static str,
    /// The date of a row, and how many days later it goes. Only where nothing is counted: no total may depend on merges.
    kept_days: Option<(&'static str, u32)>,
}

/// The raw log. In the order of listing; `by_id` finds an identity and the time under which to read the event.
const EVENTS: Table = Table {
    name: "events",
    columns: "
    tenant_id LowCardinality(String),
    environment_id LowCardinality(String),
    event_id String CODEC(ZSTD(1)),
    event_name LowCardinality(String),
    external_customer_id String,
    customer_id String,
    timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    source LowCardinality(String),
    properties String CODEC(ZSTD(1)),
    id_high UInt64 CODEC(NONE),
    id_low UInt64 CODEC(NONE),
    log_partition LowCardinality(String),
    log_offset Int64 CODEC(Delta, ZSTD(1)),
    log_writer LowCardinality(String),
    INDEX by_customer external_customer_id TYPE bloom_filter(0.01) GRANULARITY 1,
    PROJECTION by_id (SELECT id_high, id_low, timestamp ORDER BY id_high),
    PROJECTION positions (SELECT log_partition, log_writer, max(log_offset) GROUP BY log_partition, log_writer)",
    order: "tenant_id, environment_id, timestamp, event_id",
    kept_days: None,
};

/// What each event adds to each meter, with one marker row (without meter) per event, which alone carries the properties: each first-level
/// one as its text, and once more in the form that compares where that differs (`domain::meter::comparable`). `by_id` tells whether an event
/// was counted and where its rows are. `hours` adds the rows up; its sets of unique values are kept as states, so that hours and rows unite
/// in one query. The latest row is a text that sorts by time and then event id (`read::aggregate`), which costs a fifth of a tuple. Markers
/// have no hour, so that they share a cell per customer instead of making as many as a meter does.
const USAGE_LEDGER: Table = Table {
    name: "usage_ledger",
    columns: "
    tenant_id LowCardinality(String),
    environment_id LowCardinality(String),
    meter_id LowCardinality(String),
    external_customer_id String,
    timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    hour UInt32 MATERIALIZED if(meter_id = '', 0, toUInt32(intDiv(toUnixTimestamp64Micro(timestamp), 3600000000))) CODEC(Delta, ZSTD(1)),
    event_id String CODEC(ZSTD(1)),
    source LowCardinality(String),
    quantity Int128 CODEC(ZSTD(1)),
    unique_hash Nullable(UInt128),
    group_value Nullable(String) CODEC(ZSTD(1)),
    weighted UInt8,
    properties Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    comparables Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    id_high UInt64 CODEC(LZ4),
    id_low UInt64 CODEC(LZ4),
    log_partition LowCardinality(String),
    log_offset Int64 CODEC(Delta, ZSTD(1)),
    log_writer LowCardinality(String),
    PROJECTION by_id (SELECT id_high, id_low, timestamp, external_customer_id ORDER BY id_high),
    PROJECTION hours (
        SELECT tenant_id, environment_id, meter_id, external_customer_id, hour,
            count(), sum(toInt256(quantity)), sum(toInt256(quantity) * (weighted * toUnixTimestamp64Micro(timestamp))), max(quantity),
            max(concat(reverse(reinterpretAsFixedString(toUnixTimestamp64Micro(timestamp))), replaceAll(event_id, '\\0', '\\0.'), '\\0\\0',
                reinterpretAsFixedString(quantity))),
            uniqExactState(unique_hash)
        GROUP BY tenant_id, environment_id, meter_id, external_customer_id, hour
    ),
    PROJECTION positions (SELECT log_partition, log_writer, max(log_offset) GROUP BY log_partition, log_writer)",
    order: "tenant_id, environment_id, meter_id, external_customer_id, timestamp, event_id",
    kept_days: None,
};

/// What each event adds to meters that cost sheets alone use, with a marker for each event that adds something (ADR 0016).
const COSTS_LEDGER: Table = Table { name: "costs_ledger", ..USAGE_LEDGER };

/// Copies that were refused. A batch that is read again may bring one again: place and offset tell. They go by the day on which the server
/// took them: `ingested_at` is the clock of an environment, which may stand elsewhere.
const EVENT_COPIES: Table = Table {
    name: "event_copies",
    columns: "
    tenant_id LowCardinality(String),
    environment_id LowCardinality(String),
    event_id String CODEC(ZSTD(1)),
    event_name LowCardinality(String),
    external_customer_id String,
    customer_id String,
    timestamp DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    ingested_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    source LowCardinality(String),
    properties String CODEC(ZSTD(1)),
    log_partition LowCardinality(String),
    log_offset Int64 CODEC(Delta, ZSTD(1)),
    stored_on Date DEFAULT today()",
    order: "tenant_id, environment_id, event_id, ingested_at",
    kept_days: Some(("stored_on", COPIES_DAYS)),
};

fn first(target: &Target<'_>) -> Vec<String> {
    let mut statements = EVENTS.statements(target);
    statements.extend(USAGE_LEDGER.statements(target));
    statements.extend(EVENT_COPIES.statements(target));
    // Takes what readiness writes, and keeps nothing.
    statements.push(format!("CREATE TABLE IF NOT EXISTS {}{} (written UInt8) ENGINE = Null", target.table("probe"), target.on_cluster()));
    statements
}

fn second(target: &Target<'_>) -> Vec<String> {
    COSTS_LEDGER.statements(target)
}

/// The database and the table that records what was applied; before everything else.
pub(super) fn foundation(target: &Target<'_>) -> Vec<String> {
    let database = format!("CREATE DATABASE IF NOT EXISTS {}{}", sql::name(target.database), target.on_cluster());
    let engine = match target.cluster {
        None => format!("MergeTree ORDER BY version SETTINGS non_replicated_deduplication_window = {TOKENS}"),
        // One history for all servers: every one is a replica of it.
        Some(_) => format!(
            "ReplicatedMergeTree('/clickhouse/tables/{}/schema_migrations', '{{shard}}-{{replica}}') ORDER BY version SETTINGS {}",
            target.database,
            replicated_window()
        ),
    };
    let history = format!(
        "CREATE TABLE IF NOT EXISTS {}{} (version UInt32, name String, checksum UInt64) ENGINE = {engine}",
        target.table("schema_migrations"),
        target.on_cluster()
    );
    vec![database, history]
}

impl Table {
    /// No `PARTITION BY`: it would spread a batch over several parts, and only a part becomes visible as a whole.
    fn statements(&self, target: &Target<'_>) -> Vec<String> {
        let Self { name, columns, order, kept_days } = self;
        let ttl = kept_days.map(|(date, days)| format!(" TTL {date} + INTERVAL {days} DAY")).unwrap_or_default();
        let on_cluster = target.on_cluster();
        let Some(cluster) = target.cluster else {
            return vec![format!(
                "CREATE TABLE IF NOT EXISTS {} ({columns}\n) ENGINE = MergeTree ORDER BY ({order}){ttl} SETTINGS non_replicated_deduplication_window = {TOKENS}",
                target.table(name)
            )];
        };
        let local = format!("{name}_local");
        let rows = format!(
            "CREATE TABLE IF NOT EXISTS {}{on_cluster} ({columns}\n) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{}/{local}/{{shard}}', '{{replica}}') ORDER BY ({order}){ttl} SETTINGS {}",
            target.table(&local),
            target.database,
            replicated_window()
        );
        // A batch has one partition of the log, so all of it goes to one shard and stays one insert.
        let front = format!(
            "CREATE TABLE IF NOT EXISTS {}{on_cluster} AS {} ENGINE = Distributed({}, {}, {}, cityHash64(log_partition))",
            target.table(name),
            target.table(&local),
            sql::text(cluster),
            sql::text(target.database),
            sql::text(&local)
        );
        vec![rows, front]
    }
}

fn replicated_window() -> String {
    format!("replicated_deduplication_window = {TOKENS_REPLICATED}, replicated_deduplication_window_seconds = {TOKENS_SECONDS}")
}

impl Target<'_> {
    pub(super) fn table(&self, name: &str) -> String {
        format!("{}.{}", sql::name(self.database), sql::name(name))
    }

    fn on_cluster(&self) -> String {
        self.cluster.map(|cluster| format!(" ON CLUSTER {}", sql::name(cluster))).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(cluster: Option<&str>) -> String {
        let target = Target { database: "flexprice", cluster };
        let steps = MIGRATIONS.iter().flat_map(|migration| (migration.statements)(&target));
        foundation(&target).into_iter().chain(steps).map(|statement| format!("{statement};\n\n")).collect()
    }

    /// No cluster runs in the tests, so its statements are compared with a file that was read by a person.
    #[test]
    fn the_statements_are_the_reviewed_ones() {
        for (cluster, file) in [(None, "schema_single.sql"), (Some("main"), "schema_cluster.sql")] {
            let path = format!("src/clickhouse/{file}");
            let written = all(cluster);
            if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
                std::fs::write(&path, &written).unwrap();
            }
            assert_eq!(written, std::fs::read_to_string(&path).unwrap(), "run with UPDATE_SNAPSHOTS=1 and read the difference of {file}");
        }
    }

    #[test]
    fn versions_count_from_one() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.version as usize, index + 1, "{}", migration.name);
        }
    }
}
