CREATE DATABASE IF NOT EXISTS `flexprice`;

CREATE TABLE IF NOT EXISTS `flexprice`.`schema_migrations` (version UInt32, name String, checksum UInt64) ENGINE = MergeTree ORDER BY version SETTINGS non_replicated_deduplication_window = 100000;

CREATE TABLE IF NOT EXISTS `flexprice`.`events` (
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
    PROJECTION positions (SELECT log_partition, log_writer, max(log_offset) GROUP BY log_partition, log_writer)
) ENGINE = MergeTree ORDER BY (tenant_id, environment_id, timestamp, event_id) SETTINGS non_replicated_deduplication_window = 100000;

CREATE TABLE IF NOT EXISTS `flexprice`.`usage_ledger` (
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
            max(concat(reverse(reinterpretAsFixedString(toUnixTimestamp64Micro(timestamp))), replaceAll(event_id, '\0', '\0.'), '\0\0',
                reinterpretAsFixedString(quantity))),
            uniqExactState(unique_hash)
        GROUP BY tenant_id, environment_id, meter_id, external_customer_id, hour
    ),
    PROJECTION positions (SELECT log_partition, log_writer, max(log_offset) GROUP BY log_partition, log_writer)
) ENGINE = MergeTree ORDER BY (tenant_id, environment_id, meter_id, external_customer_id, timestamp, event_id) SETTINGS non_replicated_deduplication_window = 100000;

CREATE TABLE IF NOT EXISTS `flexprice`.`event_copies` (
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
    stored_on Date DEFAULT today()
) ENGINE = MergeTree ORDER BY (tenant_id, environment_id, event_id, ingested_at) TTL stored_on + INTERVAL 35 DAY SETTINGS non_replicated_deduplication_window = 100000;

CREATE TABLE IF NOT EXISTS `flexprice`.`probe` (written UInt8) ENGINE = Null;

CREATE TABLE IF NOT EXISTS `flexprice`.`costs_ledger` (
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
            max(concat(reverse(reinterpretAsFixedString(toUnixTimestamp64Micro(timestamp))), replaceAll(event_id, '\0', '\0.'), '\0\0',
                reinterpretAsFixedString(quantity))),
            uniqExactState(unique_hash)
        GROUP BY tenant_id, environment_id, meter_id, external_customer_id, hour
    ),
    PROJECTION positions (SELECT log_partition, log_writer, max(log_offset) GROUP BY log_partition, log_writer)
) ENGINE = MergeTree ORDER BY (tenant_id, environment_id, meter_id, external_customer_id, timestamp, event_id) SETTINGS non_replicated_deduplication_window = 100000;

