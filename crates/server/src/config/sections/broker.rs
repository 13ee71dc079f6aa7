//! How events come in and through which topics they flow.

use std::time::Duration;

use crate::config::secret::{Secret, SecretObject};
use crate::config::section::section;

section! {
    /// Event intake.
    Event at "event" used {
        queue_max_events: usize = "200000", "events that wait to be written; beyond it 429 with Retry-After" [at_least(1)];
        commit_max_events: usize = "20000", "most events in one commit, hence in one fsync" [at_least(1)];
        dedup_retention_days: u32 = "35", "days for which a repeated event_id is recognised; 35 is also the least; now it is recognised for ever" [at_least(35), planned()];
        keep_negative_quantities: bool = "false", "let negative quantities lower the usage instead of counting 0; the same in all processes, for events from then on";
        plain_weighted_sums: bool = "false", "bill WEIGHTED_SUM as a plain sum, as the established service does, instead of by the rest of the period";
        earliest_timestamp: String = "1970-01-01T00:00:00Z", "first event time that is accepted, RFC 3339; not before the default";
        timestamp_end: String = "2106-01-01T00:00:00Z", "first event time that is too late, RFC 3339; not after the default";
        publish_destination: String = "kafka", "where a cluster publishes events" [one_of(&["kafka", "dynamodb", "all"]), planned()];
        bulk_publish_enabled: bool = "false", "publish a bulk request as one message to kafka.topic_bulk" [planned()];
    }
}

macro_rules! kafka_section {
    ($name:ident at $path:literal $status:ident, $defaults:ident, $brokers:literal) => {
        section! {
            /// A Kafka cluster.
            $name at $path $status {
                brokers: Vec<String> = "", $brokers [used()];
                consumer_group: String = "flexprice-consumer-local", "consumer group where a consumer names none" [planned()];
                topic: String = "events", "topic of events";
                topic_lazy: String = "events_lazy", "topic of events of lazy tenants";
                topic_bulk: String = "events_bulk", "topic of bulk messages" [planned()];
                topic_dlq: String = "events_dlq", "dead letters of consumers without a topic of their own; empty = none";
                bulk_max_batch_size: usize = "200", "most events in a bulk message" [at_least(1), planned()];
                bulk_max_batch_bytes: usize = "524288", "most bytes in a bulk message" [at_least(1024), planned()];
                offset_retention: Duration = "168h", "how long offsets of consumers are kept; 0s = the broker decides" [planned()];
                session_timeout: Duration = "6s", "a consumer that is silent for so long is thought dead, and others take its partitions over; not below the brokers' group.min.session.timeout.ms";
                client_id: String = "flexprice-client-local", "name of this client";
                tls: bool = "false", "encrypt connections";
                tls_ca_cert_file: String = "", "PEM file of trusted authorities; empty = those of the system";
                tls_server_name: String = "", "name to expect in the certificate; empty = the broker's host";
                use_sasl: bool = "false", "authenticate by SASL, which implies TLS";
                sasl_mechanism: String = "", "how to authenticate" [one_of(&["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"])];
                sasl_user: String = "", "user for SASL";
                sasl_password: Secret = "", "password for SASL";
                sasl_oauth_scopes: Vec<String> = "", "scopes for OAUTHBEARER; empty = cloud-platform" [planned()];
                route_tenants_on_lazy_mode: Vec<String> = "", "tenants whose events go to topic_lazy";
                topics: SecretObject = "{}", "JSON: topics to create and their partitions; empty = the ten standard ones";
            }
            with { topics_defaults: $defaults }
        }
    };
}

macro_rules! topics_defaults_section {
    ($name:ident at $path:literal $status:ident) => {
        section! {
            /// How missing topics are created.
            $name at $path $status {
                partitions: u16 = "6", "partitions of the topic of events, and of topics that name none: the most consumers of one group" [at_least(1)];
                replication_factor: u16 = "3", "copies of each partition" [at_least(1)];
                retention_ms: u64 = "604800000", "milliseconds that messages are kept";
            }
        }
    };
}

kafka_section!(Kafka at "kafka" used, KafkaTopicsDefaults, "host:port of brokers; setting it selects Kafka as the event log, which needs the `cluster` feature");
topics_defaults_section!(KafkaTopicsDefaults at "kafka.topics_defaults" used);
kafka_section!(KafkaSecondary at "kafka_secondary" planned, KafkaSecondaryTopicsDefaults, "host:port of a second cluster's brokers; empty = one cluster");
topics_defaults_section!(KafkaSecondaryTopicsDefaults at "kafka_secondary.topics_defaults" planned);
