//! Layers, forms, names, problems.

use std::time::Duration;

use server::config::{LogLevel, Override, Show, load, show_json, show_text};

use crate::support::{Place, assert_has};

fn source(place: &Place, path: &str) -> String {
    place.loaded().settings.get(path).expect("a known key").source.to_string()
}

#[test]
fn nothing_set_means_the_defaults() {
    let loaded = Place::new().loaded();
    let config = &loaded.config;
    assert_eq!(config.server.address.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data.dir.to_str(), Some("./data"));
    assert_eq!(config.server.max_body_bytes, 32 * 1024 * 1024);
    assert_eq!(config.event.dedup_retention_days, 35);
    assert!(config.kafka.brokers.is_empty() && config.postgres.host.is_empty());
    assert!(loaded.warnings.is_empty() && loaded.file.is_none());
}

#[test]
fn each_layer_wins_over_the_one_below() {
    let yaml = "server: {address: '127.0.0.1:1'}";
    let bottom = Place::new().file("config/config.yaml", yaml);
    assert!(source(&bottom, "server.address").ends_with("config/config.yaml"));

    let place = bottom.file(".env", "FLEXPRICE_SERVER_ADDRESS=127.0.0.1:2");
    assert_eq!(source(&place, "server.address"), ".env FLEXPRICE_SERVER_ADDRESS");

    let place = place.file(".env.local", "FLEXPRICE_SERVER_ADDRESS=127.0.0.1:3");
    assert_eq!(source(&place, "server.address"), ".env.local FLEXPRICE_SERVER_ADDRESS");

    let place = place.env("FLEXPRICE_SERVER_ADDRESS", "127.0.0.1:4");
    assert_eq!(source(&place, "server.address"), "env FLEXPRICE_SERVER_ADDRESS");
    assert_eq!(place.loaded().config.server.address.to_string(), "127.0.0.1:4");

    let mut inputs = place.inputs();
    inputs.overrides.push(Override { path: "server.address", value: "127.0.0.1:5".into(), flag: "--address" });
    let loaded = load(&inputs).expect("loads");
    assert_eq!(loaded.config.server.address.to_string(), "127.0.0.1:5");
    assert_eq!(loaded.settings.get("server.address").expect("known").source.to_string(), "--address");
}

#[test]
fn the_first_file_found_is_read_and_an_asked_one_instead() {
    let place = Place::new()
        .file("internal/config/config.yaml", "logging: {level: warn}")
        .file("config/config.yaml", "logging: {level: error}")
        .file("other.yaml", "logging: {level: debug}");
    assert_eq!(place.loaded().config.logging.level, LogLevel::Warn);

    let place = place.env("FLEXPRICE_CONFIG", "other.yaml");
    assert_eq!(place.loaded().config.logging.level, LogLevel::Debug);

    let missing = Place::new().env("FLEXPRICE_CONFIG", "absent.yaml");
    assert_has(&missing.load().expect_err("is refused").to_string(), &["absent.yaml", "cannot be read"]);
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let place = Place::new()
        .file("config/config.yaml", "server: {max_in_flight_requests: 7}\nlogging: {service_name: ''}")
        .file(".env", "FLEXPRICE_SERVER_MAX_IN_FLIGHT_REQUESTS=9")
        .env("FLEXPRICE_SERVER_MAX_IN_FLIGHT_REQUESTS", "");
    // The variable exists in the process, so .env does not set it; being empty, it leaves the file's value.
    assert_eq!(place.loaded().config.server.max_in_flight_requests, 7);
}

#[test]
fn every_form_in_the_environment() {
    let config = Place::new()
        .env("FLEXPRICE_KAFKA_BROKERS", "a:9092, b:9092")
        .env("FLEXPRICE_USAGE_ALERTS_SCHEDULE_DELAY", "5m30s")
        .env("FLEXPRICE_KAFKA_TLS", "t")
        .env("FLEXPRICE_POSTGRES_PORT", "6432")
        .env("FLEXPRICE_OTEL_TRACES_SAMPLE_RATE", "0.25")
        .env("FLEXPRICE_KAFKA_SASL_MECHANISM", "scram-sha-512")
        .env("FLEXPRICE_USER_ENV_MAPPING", r#"{"t":{"u":["e1","e2"]}}"#)
        .env("FLEXPRICE_KAFKA_TOPICS", r#"{"events":{"partitions":6}}"#)
        .env("FLEXPRICE_FLEXPRICE_S3_EXPORTS_BUCKET", "bucket")
        .env("FLEXPRICE_TEMPORAL_TASK_QUEUE", "billing-standard,billing-background")
        .loaded()
        .config;
    assert_eq!(config.kafka.brokers, ["a:9092", "b:9092"]);
    assert_eq!(config.usage_alerts.schedule_delay, Duration::from_secs(330));
    assert!(config.kafka.tls);
    assert_eq!(config.postgres.port, 6432);
    assert!((config.otel.traces.sample_rate - 0.25).abs() < f64::EPSILON);
    assert_eq!(config.kafka.sasl_mechanism, "SCRAM-SHA-512");
    assert_eq!(config.env_access.user_env_mapping.0["t"]["u"], ["e1", "e2"]);
    assert_eq!(config.kafka.topics.expose()["events"]["partitions"].to_string(), "6");
    assert_eq!(config.flexprice_s3_exports.bucket, "bucket");
    assert_eq!(config.temporal.task_queue.len(), 2);
}

#[test]
fn every_form_in_the_file() {
    let yaml = r#"
Kafka:
  brokers: [a:9092, "b,c:9092"]
  TLS: true
  route_tenants_on_lazy_mode: "t1, t2"
postgres: {port: 6432, password: 12345}
otel: {traces: {sample_rate: 0.25}}
usage_alerts: {schedule_delay: 5m30s, stale_after: ~}
webhook:
  tenants:
    T1: {endpoint: "https://example.com", enabled: true, excluded_events: [a, b], weight: 1.50}
auth:
  api_key:
    keys: {}
"#;
    let loaded = Place::new().file("config/config.yaml", yaml).loaded();
    let config = loaded.config;
    assert_eq!(config.kafka.brokers, ["a:9092", "b,c:9092"]);
    assert_eq!(config.kafka.route_tenants_on_lazy_mode, ["t1", "t2"]);
    assert!(config.kafka.tls);
    assert_eq!((config.postgres.port, config.postgres.password.expose()), (6432, "12345"));
    assert_eq!(config.usage_alerts.stale_after, Duration::from_secs(3600));
    assert_eq!(config.webhook.tenants.expose()["T1"]["excluded_events"][1], "b");
    assert!(config.auth.api_key.keys.0.is_empty());
    // What nothing reads yet.
    let warnings = loaded.warnings.join("\n");
    assert_has(&warnings, &["otel.traces.sample_rate is set by ", "webhook.tenants is set by "]);
    assert_eq!(loaded.warnings.len(), 2, "{warnings}");
}

#[test]
fn bare_names_win_over_prefixed_ones() {
    let place = Place::new().env("FLEXPRICE_LOGGING_REGION", "eu").env("FLEXPRICE_LOGGING_ENVIRONMENT", "prod");
    assert_eq!((place.loaded().config.logging.region.as_str(), place.loaded().config.logging.environment.as_str()), ("eu", "prod"));
    let place = place.env("REGION", "us").env("SERVICE_NAME", "billing");
    let logging = place.loaded().config.logging;
    assert_eq!((logging.region.as_str(), logging.environment.as_str(), logging.service_name.as_str()), ("us", "prod", "billing"));
}

#[test]
fn names_of_the_deployment_guide_work_as_written() {
    let place = Place::new()
        .env("FLEXPRICE_DEPLOYMENT_MODE", "consumer")
        .env("FLEXPRICE_POSTGRES_HOST", "pg")
        .env("FLEXPRICE_POSTGRES_READER_HOST", "pg-reader")
        .env("FLEXPRICE_POSTGRES_READER_PORT", "5433")
        .env("FLEXPRICE_POSTGRES_MAX_OPEN_CONNS", "50")
        .env("FLEXPRICE_POSTGRES_MAX_IDLE_CONNS", "25")
        .env("FLEXPRICE_POSTGRES_CONN_MAX_LIFETIME_MINUTES", "30")
        .env("FLEXPRICE_KAFKA_BROKERS", "kafka:9092")
        .env("FLEXPRICE_CLICKHOUSE_ADDRESS", "ch:9000")
        .env("FLEXPRICE_REDIS_HOST", "redis")
        .env("FLEXPRICE_REDIS_PORT", "6380")
        .env("FLEXPRICE_REDIS_POOL_SIZE", "20")
        .env("FLEXPRICE_TEMPORAL_ADDRESS", "temporal:7233")
        .env("FLEXPRICE_TEMPORAL_TASK_QUEUE", "billing-high-priority")
        .env("FLEXPRICE_EVENT_PROCESSING_RATE_LIMIT", "12")
        .env("FLEXPRICE_FEATURE_USAGE_TRACKING_RATE_LIMIT", "8")
        .env("FLEXPRICE_EVENT_POST_PROCESSING_RATE_LIMIT", "0");
    let loaded = place.loaded();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let config = loaded.config;
    assert_eq!((config.postgres.reader_port, config.postgres.conn_max_lifetime_minutes), (5433, 30));
    assert_eq!((config.event_processing.rate_limit, config.meter_usage_tracking.rate_limit), (12, 8));
    assert_eq!(config.event_processing.consumer_group, "v1_event_processing");
    assert_eq!(config.meter_usage_tracking.consumer_group, "v1_feature_tracking_service");
    assert_eq!(config.costsheet_usage_tracking.consumer_group, "v1_costsheet_usage_tracking_service");
    assert_eq!(config.event_processing.topic, "events");
}

#[test]
fn the_present_name_wins_over_the_older_one() {
    let place = Place::new().env("FLEXPRICE_FEATURE_USAGE_TRACKING_RATE_LIMIT", "8").file(
        "config/config.yaml",
        "meter_usage_tracking: {topic: new}\nfeature_usage_tracking: {topic: old, enabled: false, rate_limit: 3}",
    );
    let block = place.loaded().config.meter_usage_tracking;
    assert_eq!((block.rate_limit, block.topic.as_str(), block.enabled), (8, "new", false));
    let place = place.env("FLEXPRICE_METER_USAGE_TRACKING_RATE_LIMIT", "9");
    assert_eq!(place.loaded().config.meter_usage_tracking.rate_limit, 9);
}

#[test]
fn unknown_names_are_reported_with_the_closest_known_one() {
    let place = Place::new()
        .env("FLEXPRICE_SERVER_ADRESS", "x")
        .env("FLEXPRICE_NO_SUCH_THING_AT_ALL", "x")
        .env("FLEXPRICE_EVENT_POST_PROCESSING_TOPIC", "x")
        .env("OTHER_SERVER_ADRESS", "x")
        // For clients.
        .env("FLEXPRICE_URL", "x")
        .env("FLEXPRICE_API_KEY", "x")
        .file("config/config.yaml", "server: {adress: x}\ntemporal: {retry: {initial: 1}, client_name: x}\nnonsense: 1");
    let warnings = place.loaded().warnings.join("\n");
    assert_has(
        &warnings,
        &[
            "FLEXPRICE_SERVER_ADRESS is set, but no key has this name; did you mean FLEXPRICE_SERVER_ADDRESS?",
            "FLEXPRICE_NO_SUCH_THING_AT_ALL is set, but no key has this name",
            "FLEXPRICE_EVENT_POST_PROCESSING_TOPIC no longer means anything",
            "the file sets server.adress, which no key has; did you mean server.address?",
            "the file sets temporal.retry, which no longer means anything",
            "the file sets nonsense, which no key has",
        ],
    );
    assert!(!warnings.contains("OTHER_"), "{warnings}");
    assert_eq!(place.loaded().warnings.len(), 7, "{warnings}");
}

#[test]
fn bad_values_are_all_named_with_what_is_allowed() {
    let problems = Place::new()
        .env("FLEXPRICE_SERVER_ADDRESS", "nowhere")
        .env("FLEXPRICE_SERVER_MAX_BODY_BYTES", "12")
        .env("FLEXPRICE_DEPLOYMENT_MODE", "cluster")
        .env("FLEXPRICE_SERVER_SHUTDOWN_TIMEOUT", "30")
        .env("FLEXPRICE_EVENT_DEDUP_RETENTION_DAYS", "7")
        .env("FLEXPRICE_AUTH_API_KEY_KEYS", "{\"hunter2\":")
        .env("FLEXPRICE_USER_ENV_MAPPING", "[]")
        .file("config/config.yaml", "kafka: {tls: maybe}")
        .load()
        .expect_err("is refused");
    assert_eq!(problems.0.len(), 8, "{problems}");
    let text = problems.to_string();
    assert_has(
        &text,
        &[
            "server.address: `nowhere` is not allowed (from env FLEXPRICE_SERVER_ADDRESS); it must be host:port",
            "server.max_body_bytes: `12` is not allowed (from env FLEXPRICE_SERVER_MAX_BODY_BYTES); it must be a whole number of at least 1024",
            "deployment.mode: `cluster` is not allowed (from env FLEXPRICE_DEPLOYMENT_MODE); it must be one of local, api, consumer, temporal_worker",
            "server.shutdown_timeout: `30` is not allowed (from env FLEXPRICE_SERVER_SHUTDOWN_TIMEOUT); it must be a duration with units",
            "event.dedup_retention_days: `7` is not allowed",
            "auth.api_key.keys: `********` is not allowed",
            "config/config.yaml); it must be true or false",
        ],
    );
    assert!(!text.contains("hunter2"), "a secret is printed: {text}");
}

#[test]
fn malformed_files_are_named() {
    let yaml = Place::new().file("config/config.yaml", "server: [").load().expect_err("is refused").to_string();
    assert_has(&yaml, &["config/config.yaml", "is not valid YAML"]);
    let shape = Place::new().file("config/config.yaml", "server: 1").load().expect_err("is refused").to_string();
    assert_has(&shape, &["server: must be a mapping"]);
    let list = Place::new().file("config/config.yaml", "- a").load().expect_err("is refused").to_string();
    assert_has(&list, &["must be a mapping of sections"]);
    let dotenv = Place::new().file(".env", "A=1\noops").load().expect_err("is refused").to_string();
    assert_has(&dotenv, &[".env", "line 2 is not NAME=value"]);
    assert!(Place::new().file("config/config.yaml", "# nothing\n").load().is_ok());
}

#[test]
fn secrets_are_masked_wherever_they_could_be_printed() {
    let place = Place::new()
        .env("FLEXPRICE_AUTH_SECRET", "hunter2-auth")
        .env("FLEXPRICE_POSTGRES_PASSWORD", "hunter2-postgres")
        .file("config/config.yaml", "webhook: {tenants: {t: {headers: {Authorization: hunter2-header}}}}");
    let loaded = place.loaded();
    let all = [show_text(&loaded, Show::All), show_json(&loaded, Show::All), format!("{loaded:?}")];
    assert_has(&all[0], &["auth.secret = ********  # env FLEXPRICE_AUTH_SECRET", "kafka.sasl_password =  # default"]);
    for text in &all[..2] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(!format!("{:?}", loaded.config).contains("hunter2"));
}

#[test]
fn only_changed_values_on_request() {
    let place = Place::new().env("FLEXPRICE_LOGGING_LEVEL", "WARN");
    assert_eq!(
        show_text(&place.loaded(), Show::Changed),
        "# file: none\n\n# Logging\nlogging.level = warn  # env FLEXPRICE_LOGGING_LEVEL\n"
    );
    let json: serde_json::Value = serde_json::from_str(&show_json(&place.loaded(), Show::Changed)).expect("JSON");
    assert_eq!(json["logging.level"]["value"], "warn");
    assert_eq!(json["logging.level"]["env"], "FLEXPRICE_LOGGING_LEVEL");
}
