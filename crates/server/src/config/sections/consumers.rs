//! Consumers of a cluster: which topic each reads, in which group, how fast.

use std::time::Duration;

use crate::config::section::section;

section! {
    /// Writes raw events.
    EventProcessing at "event_processing" used {
        enabled: bool = "true", "run this consumer";
        topic: String = "events", "topic it reads";
        rate_limit: u32 = "0", "messages per second and process; 0 = no limit";
        consumer_group: String = "v1_event_processing", "its consumer group";
        topic_dlq: String = "event_processing_dlq", "its dead letters; empty = kafka.topic_dlq";
        topic_backfill: String = "", "topic of events to write again; empty = none" [planned()];
        rate_limit_backfill: u32 = "0", "messages per second from topic_backfill; 0 = no limit" [planned()];
        consumer_group_backfill: String = "", "consumer group for topic_backfill" [planned()];
    }
}

section! {
    /// Writes raw events of lazy tenants.
    EventProcessingLazy at "event_processing_lazy" used {
        enabled: bool = "true", "run this consumer";
        topic: String = "events_lazy", "topic it reads";
        rate_limit: u32 = "0", "messages per second and process; 0 = no limit";
        consumer_group: String = "v1_event_processing_lazy", "its consumer group";
        topic_dlq: String = "event_processing_lazy_dlq", "its dead letters; empty = kafka.topic_dlq";
        topic_backfill: String = "", "topic of events to write again; empty = none" [planned()];
        rate_limit_backfill: u32 = "0", "messages per second from topic_backfill; 0 = no limit" [planned()];
        consumer_group_backfill: String = "", "consumer group for topic_backfill" [planned()];
    }
}

section! {
    /// Writes replayed raw events.
    EventProcessingReplay at "event_processing_replay" used {
        enabled: bool = "true", "run this consumer";
        topic: String = "events_backfill", "topic it reads";
        rate_limit: u32 = "0", "messages per second and process; 0 = no limit";
        consumer_group: String = "v1_event_processing_replay", "its consumer group";
    }
}

section! {
    /// A consumer of the first release; its limit is accepted so that deployments of that time start unchanged.
    EventPostProcessing at "event_post_processing" planned {
        rate_limit: u32 = "0", "messages per second and process; 0 = no limit";
    }
}

section! {
    /// Writes the usage ledger. `FEATURE_USAGE_TRACKING_*` are older names of the same keys.
    MeterUsageTracking at "meter_usage_tracking" used {
        enabled: bool = "true", "run this consumer";
        topic: String = "events", "topic it reads";
        rate_limit: u32 = "0", "messages per second and process; 0 = no limit";
        consumer_group: String = "v1_feature_tracking_service", "its consumer group";
        topic_dlq: String = "meter_usage_tracking_service_dlq", "its dead letters; empty = kafka.topic_dlq";
        redis_deduplication_enabled: bool = "false", "drop repeats by Redis before the store does" [planned()];
        rejected_event_webhook_enabled: bool = "false", "send event.rejected for events that no meter takes" [planned()];
        rejected_event_webhook_window: Duration = "10m", "at most one event.rejected per cause in this time" [planned()];
    }
}

section! {
    /// Writes the usage ledger of lazy tenants.
    MeterUsageTrackingLazy at "meter_usage_tracking_lazy" used {
        enabled: bool = "true", "run this consumer";
        topic: String = "events_lazy", "topic it reads";
        rate_limit: u32 = "0", "messages per second and process; 0 = no limit";
        consumer_group: String = "v1_meter_usage_tracking_service_lazy", "its consumer group";
        topic_dlq: String = "meter_usage_tracking_service_lazy_dlq", "its dead letters; empty = kafka.topic_dlq";
    }
}

section! {
    /// Writes the ledger of costs: the usage of meters that cost sheets alone use.
    CostsheetUsageTracking at "costsheet_usage_tracking" used {
        enabled: bool = "true", "run this consumer";
        topic: String = "events", "topic it reads";
        rate_limit: u32 = "0", "messages per second and process; 0 = no limit";
        consumer_group: String = "v1_costsheet_usage_tracking_service", "its consumer group";
        topic_dlq: String = "costsheet_usage_tracking_service_dlq", "its dead letters; empty = kafka.topic_dlq";
    }
}

section! {
    /// Writes raw events from bulk messages.
    BulkEventConsumption at "bulk_event_consumption" planned {
        enabled: bool = "false", "run this consumer";
        topic: String = "events_bulk", "topic it reads";
        rate_limit: u32 = "0", "messages per second and process; 0 = no limit";
        consumer_group: String = "v1_bulk_event_consumption", "its consumer group";
        topic_dlq: String = "events_bulk_dlq", "its dead letters; empty = kafka.topic_dlq";
    }
}

section! {
    /// Writes the usage ledger from bulk messages.
    BulkMeterUsageTracking at "bulk_meter_usage_tracking" planned {
        enabled: bool = "false", "run this consumer";
        topic: String = "events_bulk", "topic it reads";
        rate_limit: u32 = "0", "messages per second and process; 0 = no limit";
        consumer_group: String = "v1_bulk_meter_usage_tracking", "its consumer group";
        topic_dlq: String = "meter_usage_tracking_bulk_dlq", "its dead letters; empty = kafka.topic_dlq";
        redis_deduplication_enabled: bool = "true", "drop repeats by Redis before the store does";
        post_insert_side_effects_enabled: bool = "true", "alerts and webhooks after the rows are written";
    }
}

section! {
    /// Transforms raw events of other systems into events.
    RawEventConsumption at "raw_event_consumption" planned {
        enabled: bool = "true", "run this consumer";
        topic: String = "raw_events", "topic it reads";
        rate_limit: u32 = "0", "messages per second and process; 0 = no limit";
        consumer_group: String = "v1_raw_event_processing", "its consumer group";
        output_topic: String = "events", "topic of the transformed events";
    }
}

section! {
    /// Reprocessing of raw events.
    RawEventsReprocessing at "raw_events_reprocessing" planned {
        enabled: bool = "true", "allow reprocessing";
        output_topic: String = "events", "topic of the events made again";
    }
}

section! {
    /// Checks wallets after usage.
    WalletBalanceAlert at "wallet_balance_alert" planned {
        enabled: bool = "true", "run this consumer";
        topic: String = "wallet_alert", "topic it reads";
        rate_limit: u32 = "0", "messages per second and process; 0 = no limit";
        consumer_group: String = "v1_wallet_alert_service", "its consumer group";
    }
}

section! {
    /// Passes system events to integrations.
    IntegrationEvents at "integration_events" planned {
        enabled: bool = "true", "run this consumer";
        topic: String = "", "topic it reads; empty = webhook.topic";
        rate_limit: u32 = "0", "messages per second and process; 0 = no limit";
        consumer_group: String = "integration-events-consumer", "its consumer group";
    }
}

section! {
    /// Makes the events of the guided start.
    OnboardingEvents at "onboarding_events" planned {
        enabled: bool = "true", "run this consumer";
        topic: String = "onboarding_events", "topic it reads";
        rate_limit: u32 = "0", "messages per second and process; 0 = no limit";
        consumer_group: String = "onboarding_events_consumer", "its consumer group";
        max_retries: u32 = "3", "further tries of a failed message";
    }
}
