//! Redis: what the processes of a cluster share besides the stores.

use std::sync::Arc;

use anyhow::Context;
use streams::{Coordination, RedisCoordination, RedisOptions};

use crate::config::Config;
use crate::finding::{Check, Finding};

/// The connection, when a server is configured. The system works without it, so nothing waits for it.
pub(super) async fn connect(config: &Config) -> anyhow::Result<Option<Arc<dyn Coordination>>> {
    if !is_selected(config) {
        tracing::warn!("no Redis is configured: processes hear of each other's changes from the database alone, which is slower");
        return Ok(None);
    }
    Ok(Some(Arc::new(RedisCoordination::connect(options(config)?).await?)))
}

fn is_selected(config: &Config) -> bool {
    !config.redis.host.is_empty() || !config.redis.sentinel_addrs.is_empty()
}

fn options(config: &Config) -> anyhow::Result<RedisOptions> {
    let redis = &config.redis;
    Ok(RedisOptions {
        host: redis.host.clone(),
        port: redis.port,
        username: redis.username.clone(),
        password: redis.password.expose().to_owned(),
        db: u8::try_from(redis.db).context("redis.db is no number from 0 to 255")?,
        use_tls: redis.use_tls,
        pool_size: usize::try_from(redis.pool_size)?,
        timeout: redis.timeout,
        key_prefix: redis.key_prefix.clone(),
        cluster_mode: redis.cluster_mode,
        sentinel_master_name: redis.sentinel_master_name.clone(),
        sentinel_addrs: redis.sentinel_addrs.clone(),
        sentinel_username: redis.sentinel_username.clone(),
        sentinel_password: redis.sentinel_password.expose().to_owned(),
        route_reads_to_replicas: redis.route_reads_to_replicas,
    })
}

pub(super) async fn inspect(config: &Config) -> Option<Check> {
    if !is_selected(config) {
        return None;
    }
    let look = async {
        let coordination = RedisCoordination::connect(options(config)?).await?;
        coordination.check().await?;
        anyhow::Ok(())
    };
    let at = format!("{}:{}", config.redis.host, config.redis.port);
    Some((
        "Redis",
        look.await.map_or_else(
            |error| Finding::Warning(format!("{at}: {error:#}: the system works without it, slower")),
            |()| Finding::Good(at.clone()),
        ),
    ))
}
