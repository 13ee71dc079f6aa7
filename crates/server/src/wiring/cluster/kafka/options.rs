//! What the configuration says of the log and of its consumers.

use std::time::Duration;

use streams::Ledger;
use streams::kafka::{KafkaOptions, KafkaSasl, KafkaSecurity, ProducerOptions};

use crate::config::Config;

/// Longest wait for one answer of the brokers.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn options(config: &Config) -> KafkaOptions {
    let kafka = &config.kafka;
    let sasl = kafka.use_sasl.then(|| KafkaSasl {
        mechanism: kafka.sasl_mechanism.clone(),
        user: kafka.sasl_user.clone(),
        password: kafka.sasl_password.expose().to_owned(),
    });
    KafkaOptions {
        brokers: kafka.brokers.clone(),
        client_id: kafka.client_id.clone(),
        security: KafkaSecurity {
            tls: kafka.tls || kafka.use_sasl,
            tls_ca_cert_file: Some(kafka.tls_ca_cert_file.clone()).filter(|file| !file.is_empty()).map(Into::into),
            tls_server_name: kafka.tls_server_name.clone(),
            sasl,
        },
    }
}

pub(super) fn producer_options(config: &Config) -> ProducerOptions {
    ProducerOptions {
        topic: config.kafka.topic.clone(),
        topic_lazy: config.kafka.topic_lazy.clone(),
        lazy_tenants: config.kafka.route_tenants_on_lazy_mode.clone(),
        queue_messages_max: config.event.queue_max_events,
        ..ProducerOptions::default()
    }
}

/// One consumer as the configuration has it.
pub(super) struct Consumer<'a> {
    pub(super) ledger: Ledger,
    pub(super) topic: &'a str,
    pub(super) group: &'a str,
    pub(super) topic_dlq: &'a str,
    pub(super) rate_limit: u32,
}

/// The consumers that this process runs: those that are switched on.
pub(super) fn consumers(config: &Config) -> Vec<Consumer<'_>> {
    all_consumers(config).into_iter().filter(|(is_on, _)| *is_on).map(|(_, consumer)| consumer).collect()
}

/// All consumers of the installation, and whether each is switched on here: other processes may run what this one does not. Those of lazy
/// tenants are there when there are any; costs of theirs are read by the one group.
pub(super) fn all_consumers<'a>(config: &'a Config) -> Vec<(bool, Consumer<'a>)> {
    let dead_letters = |own: &'a str| -> &'a str { if own.is_empty() { &config.kafka.topic_dlq } else { own } };
    let has_lazy = !config.kafka.route_tenants_on_lazy_mode.is_empty();
    let mut consumers = Vec::new();
    let mut add = |ledger, is_on: bool, topic: &'a str, group: &'a str, topic_dlq: &'a str, rate_limit: u32| {
        if !topic.is_empty() {
            consumers.push((is_on, Consumer { ledger, topic, group, topic_dlq: dead_letters(topic_dlq), rate_limit }));
        }
    };
    let (raw, lazy, replay) = (&config.event_processing, &config.event_processing_lazy, &config.event_processing_replay);
    add(Ledger::Events, raw.enabled, &raw.topic, &raw.consumer_group, &raw.topic_dlq, raw.rate_limit);
    add(Ledger::Events, replay.enabled, &replay.topic, &replay.consumer_group, "", replay.rate_limit);
    let (usage, costs) = (&config.meter_usage_tracking, &config.costsheet_usage_tracking);
    add(Ledger::Usage, usage.enabled, &usage.topic, &usage.consumer_group, &usage.topic_dlq, usage.rate_limit);
    add(Ledger::Costs, costs.enabled, &costs.topic, &costs.consumer_group, &costs.topic_dlq, costs.rate_limit);
    if has_lazy {
        add(Ledger::Events, lazy.enabled, &lazy.topic, &lazy.consumer_group, &lazy.topic_dlq, lazy.rate_limit);
        let lazy = &config.meter_usage_tracking_lazy;
        add(Ledger::Usage, lazy.enabled, &lazy.topic, &lazy.consumer_group, &lazy.topic_dlq, lazy.rate_limit);
        add(Ledger::Costs, costs.enabled, &lazy.topic, &costs.consumer_group, &costs.topic_dlq, costs.rate_limit);
    }
    consumers
}
