//! Every section of the key tree, in the order of the reference.

mod auth;
mod broker;
mod consumers;
mod core;
mod delivery;
mod integrations;
mod observability;
mod stores;

pub use auth::{AccessList, Auth, AuthApiKey, AuthSaml, AuthSupabase, DEV_API_KEY_SHA256, DEV_AUTH_SECRET, Rbac};
pub use broker::{Event, Kafka, KafkaSecondary, KafkaSecondaryTopicsDefaults, KafkaTopicsDefaults};
pub use consumers::*;
pub use core::{Billing, DEV_ENCRYPTION_KEY, Data, Deployment, Idempotency, Onboarding, Secrets, Server, Subscriptions};
pub use delivery::{Checkout, CustomerPortal, Email, Oauth, UsageAlerts, Webhook, WebhookRetryJob, WebhookSvix};
pub use integrations::{ChatSupport, DynamoDb, Gemini, ManagedExports, Marketplace, MarketplaceAws, MarketplaceGcp, S3, S3Invoice, Whop};
pub use observability::{Logging, Otel, OtelLogs, OtelMetrics, OtelTraces, Pyroscope};
pub use stores::{Cache, CacheInMemory, CacheRedis, ClickHouse, Postgres, Redis, Temporal, TemporalWorker};

use super::key::Key;
use super::settings::Settings;

macro_rules! sections {
    ($( $field:ident : $ty:ident, $title:literal; )*) => {
        /// The whole configuration, one struct per section.
        #[derive(Debug, Clone)]
        pub struct Config {
            $( #[doc = $title] pub $field: $ty, )*
        }

        impl Config {
            pub(super) fn read(settings: &Settings) -> Self {
                Self { $( $field: <$ty>::read(settings), )* }
            }
        }

        /// Each section's title and rows, in the order of the reference.
        #[must_use]
        pub fn tables() -> Vec<(&'static str, Vec<&'static Key>)> {
            vec![ $( ($title, <$ty>::keys()), )* ]
        }
    };
}

sections! {
    deployment: Deployment, "Role of the process";
    server: Server, "HTTP server";
    data: Data, "Embedded stores";
    event: Event, "Event intake";
    idempotency: Idempotency, "Idempotency of mutating calls";
    subscriptions: Subscriptions, "Subscriptions";
    auth: Auth, "Authentication";
    secrets: Secrets, "Encryption of stored secrets";
    logging: Logging, "Logging";
    rbac: Rbac, "Roles";
    env_access: AccessList, "Environment access lists";
    onboarding: Onboarding, "Sign-up";
    billing: Billing, "Self-billing";
    kafka: Kafka, "Kafka";
    kafka_secondary: KafkaSecondary, "Second Kafka cluster";
    event_processing: EventProcessing, "Consumer: raw events";
    event_processing_lazy: EventProcessingLazy, "Consumer: raw events of lazy tenants";
    event_processing_replay: EventProcessingReplay, "Consumer: replayed raw events";
    event_post_processing: EventPostProcessing, "Consumer: post-processing of the first release";
    meter_usage_tracking: MeterUsageTracking, "Consumer: usage ledger";
    meter_usage_tracking_lazy: MeterUsageTrackingLazy, "Consumer: usage ledger of lazy tenants";
    costsheet_usage_tracking: CostsheetUsageTracking, "Consumer: cost ledger";
    bulk_event_consumption: BulkEventConsumption, "Consumer: raw events in bulk messages";
    bulk_meter_usage_tracking: BulkMeterUsageTracking, "Consumer: usage ledger from bulk messages";
    raw_event_consumption: RawEventConsumption, "Consumer: transformation of raw events";
    raw_events_reprocessing: RawEventsReprocessing, "Reprocessing of raw events";
    wallet_balance_alert: WalletBalanceAlert, "Consumer: wallet balance alerts";
    integration_events: IntegrationEvents, "Consumer: integrations";
    onboarding_events: OnboardingEvents, "Consumer: onboarding events";
    clickhouse: ClickHouse, "ClickHouse";
    postgres: Postgres, "PostgreSQL";
    redis: Redis, "Redis";
    cache: Cache, "Caches";
    temporal: Temporal, "Temporal";
    webhook: Webhook, "Webhooks";
    webhook_retry_job: WebhookRetryJob, "Webhook retry job";
    usage_alerts: UsageAlerts, "Usage alerts";
    s3: S3, "Invoice documents";
    flexprice_s3_exports: ManagedExports, "Managed exports";
    dynamodb: DynamoDb, "DynamoDB";
    email: Email, "Mail";
    customer_portal: CustomerPortal, "Customer portal";
    checkout: Checkout, "Hosted checkout";
    oauth: Oauth, "OAuth integrations";
    marketplace: Marketplace, "Cloud marketplaces";
    gemini: Gemini, "Price list reading";
    whop: Whop, "Whop";
    chat_support: ChatSupport, "Support chat";
    otel: Otel, "OpenTelemetry";
    pyroscope: Pyroscope, "Profiling";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all() -> Vec<&'static Key> {
        tables().into_iter().flat_map(|(_, keys)| keys).collect()
    }

    #[test]
    fn paths_and_environment_names_are_unique() {
        let (mut paths, mut names) = (BTreeSet::new(), BTreeSet::new());
        for key in all() {
            assert!(paths.insert(key.path), "{} is listed twice", key.path);
            for name in key.env_names() {
                assert!(names.insert(name.clone()), "{name} sets two keys");
            }
        }
    }

    #[test]
    fn every_default_is_of_its_form() {
        for key in all() {
            let value = key.default_value();
            assert_eq!((key.check)(&value), Ok(()), "{}", key.path);
        }
    }

    #[test]
    fn environment_names_follow_the_rule_of_the_reference() {
        let name = |path: &str| all().into_iter().find(|key| key.path == path).map(|key| key.env_names().join(" ")).unwrap_or_default();
        for (path, expected) in [
            ("server.address", "FLEXPRICE_SERVER_ADDRESS"),
            ("kafka.consumer_group", "FLEXPRICE_KAFKA_CONSUMER_GROUP"),
            ("kafka_secondary.brokers", "FLEXPRICE_KAFKA_SECONDARY_BROKERS"),
            ("auth.api_key.header", "FLEXPRICE_AUTH_API_KEY_HEADER"),
            ("auth.api_key.keys", "FLEXPRICE_AUTH_API_KEY_KEYS"),
            ("otel.traces.auth_value", "FLEXPRICE_OTEL_TRACES_AUTH_VALUE"),
            ("flexprice_s3_exports.bucket", "FLEXPRICE_FLEXPRICE_S3_EXPORTS_BUCKET"),
            ("env_access.user_env_mapping", "FLEXPRICE_USER_ENV_MAPPING"),
            ("logging.service_name", "SERVICE_NAME FLEXPRICE_LOGGING_SERVICE_NAME"),
            ("logging.environment", "ENVIRONMENT FLEXPRICE_LOGGING_ENVIRONMENT"),
            ("logging.region", "REGION FLEXPRICE_LOGGING_REGION"),
            ("webhook.tenants", ""),
        ] {
            assert_eq!(name(path), expected, "{path}");
        }
    }

    #[test]
    fn every_row_says_what_it_means() {
        for key in all() {
            assert!(key.about.len() > 3 && !key.about.ends_with('.'), "{}: {:?}", key.path, key.about);
            assert!(!key.about.contains('|') && !key.about.contains('\n'), "{}", key.path);
        }
    }
}
