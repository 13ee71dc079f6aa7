//! Logs, traces, metrics, profiles.

use crate::config::choice::{LogFormat, LogLevel};
use crate::config::secret::{Secret, SecretObject};
use crate::config::section::section;

section! {
    /// Logging, to standard error.
    Logging at "logging" used {
        level: LogLevel = "info", "how much is logged";
        format: LogFormat = "auto", "`auto` = compact on a terminal, else JSON";
        db_level: LogLevel = "error", "the same for SQL statements; `debug` logs them";
        otel_debug: bool = "false", "export logs synchronously" [planned()];
        service_name: String = "", "name of this service in logs and traces" [bare_env("SERVICE_NAME"), planned()];
        environment: String = "", "name of the installation in logs and traces" [bare_env("ENVIRONMENT"), planned()];
        region: String = "", "region in logs and traces" [bare_env("REGION"), planned()];
    }
}

section! {
    /// OpenTelemetry.
    Otel at "otel" planned {
        enabled: bool = "true", "master switch";
        service_name: String = "", "empty = logging.service_name, else deployment.mode";
        protocol: String = "grpc", "`grpc`, or what begins with `http` for OTLP over HTTP";
        insecure: bool = "false", "do not encrypt";
        headers: SecretObject = "{}", "headers of every export" [file_only()];
    }
    with { traces: OtelTraces, logs: OtelLogs, metrics: OtelMetrics }
}

section! {
    /// Traces.
    OtelTraces at "otel.traces" planned {
        enabled: bool = "false", "export traces";
        endpoint: String = "", "where to";
        protocol: String = "", "empty = otel.protocol";
        auth_header: String = "signoz-ingestion-key", "name of the header that authenticates";
        auth_value: Secret = "", "its value";
        sample_rate: f64 = "1", "share of requests traced, 0 to 1";
        storage_spans_enabled: bool = "false", "trace store calls";
        storage_spans_sample_rate: f64 = "0.2", "share of them, 0 to 1";
        capture_exceptions: bool = "true", "record errors in traces";
        headers: SecretObject = "{}", "replaces otel.headers for traces" [file_only()];
    }
}

section! {
    /// Exported logs.
    OtelLogs at "otel.logs" planned {
        enabled: bool = "false", "export logs";
        endpoint: String = "", "where to";
        protocol: String = "", "empty = otel.protocol";
        auth_header: String = "signoz-ingestion-key", "name of the header that authenticates";
        auth_value: Secret = "", "its value";
        headers: SecretObject = "{}", "replaces otel.headers for logs" [file_only()];
    }
}

section! {
    /// Exported metrics; `/metrics` is served regardless.
    OtelMetrics at "otel.metrics" planned {
        enabled: bool = "false", "export metrics";
        endpoint: String = "", "where to";
        protocol: String = "", "empty = otel.protocol";
        auth_header: String = "signoz-ingestion-key", "name of the header that authenticates";
        auth_value: Secret = "", "its value";
        interval_seconds: u32 = "60", "seconds between two exports" [at_least(1)];
        temporal_enabled: bool = "false", "metrics of the workflow client too";
        headers: SecretObject = "{}", "replaces otel.headers for metrics" [file_only()];
    }
}

section! {
    /// Continuous profiling.
    Pyroscope at "pyroscope" planned {
        enabled: bool = "false", "send profiles";
        server_address: String = "http://localhost:4040", "where to";
        application_name: String = "flexprice", "name in profiles";
        basic_auth_user: String = "", "user";
        basic_auth_password: Secret = "", "password";
        sample_rate: u32 = "100", "samples per second";
        disable_gc_runs: bool = "false", "of the reference implementation; nothing here";
        profile_types: Vec<String> = "", "kinds of profiles; empty = all";
    }
}
