//! What the use cases and the API are set up with.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::ApiSettings;
use app::Settings;
use app::platform::ConfiguredKey;
use axum::http::HeaderName;

use crate::config::Config;

pub(super) fn of_app(config: &Config) -> Settings {
    let active = config.auth.api_key.keys.0.iter().filter(|(_, key)| key.is_active);
    let owned = active.map(|(hash, key)| {
        let owner = ConfiguredKey { tenant_id: key.tenant_id.as_str().into(), user_id: key.user_id.as_str().into() };
        (hash.clone(), owner)
    });
    Settings { configured_keys: owned.collect(), ..Settings::default() }
}

pub(super) fn of_api(config: &Config, render_metrics: Arc<dyn Fn() -> String + Send + Sync>) -> anyhow::Result<ApiSettings> {
    let header = &config.auth.api_key.header;
    let timeout = config.server.request_timeout;
    Ok(ApiSettings {
        api_key_header: HeaderName::try_from(header.as_str())
            .with_context(|| format!("auth.api_key.header `{header}` is no header name"))?,
        body_bytes_max: config.server.max_body_bytes,
        in_flight_max: config.server.max_in_flight_requests,
        request_timeout: if timeout.is_zero() { Duration::from_secs(u64::from(u32::MAX)) } else { timeout },
        render_metrics,
        ..ApiSettings::default()
    })
}
