//! What the use cases and the API are set up with.

use std::time::Duration;

use anyhow::Context;
use api::{ApiSettings, Hosts, Origins, RenderMetrics, UnknownFields};
use app::Settings;
use app::event::{EventChoices, EventTimes, Negatives, WeightedSums};
use app::platform::ConfiguredKey;
use axum::http::{HeaderName, HeaderValue};

use crate::config::{self, Config};

pub(super) fn of_app(config: &Config) -> anyhow::Result<Settings> {
    let active = config.auth.api_key.keys.0.iter().filter(|(_, key)| key.is_active);
    let owned = active.map(|(hash, key)| {
        let owner = ConfiguredKey { tenant_id: key.tenant_id.as_str().into(), user_id: key.user_id.as_str().into() };
        (hash.clone(), owner)
    });
    Ok(Settings {
        configured_keys: owned.collect(),
        events: event_choices(config)?,
        backdated_periods_max: config.subscriptions.backdated_periods_max,
        ..Settings::default()
    })
}

fn event_choices(config: &Config) -> anyhow::Result<EventChoices> {
    let event = &config.event;
    let time = |path: &str, text: &str| text.trim().parse().with_context(|| format!("{path} `{text}` is no time"));
    Ok(EventChoices {
        negatives: if event.keep_negative_quantities { Negatives::Kept } else { Negatives::Clamped },
        weighted_sums: if event.plain_weighted_sums { WeightedSums::Plain } else { WeightedSums::Weighted },
        times: EventTimes {
            earliest: time("event.earliest_timestamp", &event.earliest_timestamp)?,
            end: time("event.timestamp_end", &event.timestamp_end)?,
        },
    })
}

pub(super) fn of_api(config: &Config, render_metrics: RenderMetrics) -> anyhow::Result<ApiSettings> {
    let header = &config.auth.api_key.header;
    let timeout = config.server.request_timeout;
    Ok(ApiSettings {
        api_key_header: HeaderName::try_from(header.as_str())
            .with_context(|| format!("auth.api_key.header `{header}` is no header name"))?,
        body_bytes_max: config.server.max_body_bytes,
        unknown_fields: match config.server.unknown_fields {
            config::UnknownFields::Refuse => UnknownFields::Refuse,
            config::UnknownFields::Ignore => UnknownFields::Ignore,
        },
        bodies_bytes_max: config.server.max_bodies_bytes,
        in_flight_max: config.server.max_in_flight_requests,
        request_timeout: if timeout.is_zero() { Duration::from_secs(u64::from(u32::MAX)) } else { timeout },
        origins: origins(&config.server.allowed_origins)?,
        hosts: if config.server.address.is_loopback() { Hosts::LoopbackAnd(config.server.allowed_hosts.clone()) } else { Hosts::Any },
        render_metrics,
        ..ApiSettings::default()
    })
}

fn origins(allowed: &[String]) -> anyhow::Result<Origins> {
    Ok(match allowed {
        [] => Origins::None,
        [any] if any == "*" => Origins::Any,
        these => Origins::These(these.iter().map(HeaderValue::try_from).collect::<Result<_, _>>().context("server.allowed_origins")?),
    })
}

pub(super) fn answers_kept_days(config: &Config) -> i64 {
    i64::try_from(config.idempotency.retention.as_secs() / 86_400).unwrap_or(i64::MAX).max(1)
}

/// A duration of the configuration, where zero means another.
#[cfg(feature = "cluster")]
pub(super) fn or_default(duration: Duration, default: Duration) -> Duration {
    if duration.is_zero() { default } else { duration }
}
