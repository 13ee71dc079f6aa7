//! Coordination on Redis: one server, Sentinel or a cluster.
//!
//! A generation is a random number of 63 bits, never a counter: a counter that Redis forgot would begin again and come back to numbers it
//! had. A key that Redis does not know, because it never moved, ran out or was lost, gets a fresh number from the first who asks. That
//! leaves a server that remembers something old, as after a fail-over to a replica that lagged or a restart from a snapshot; both break
//! connections, so each connection made begins a session that changes every number this process hears. All reads go to the primary.

use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use fred::error::Error;
use fred::interfaces::{KeysInterface, LuaInterface};
use fred::types::{Expiration, SetOptions};
use futures::future::try_join_all;
use rand::RngExt;

use super::{Coordination, CoordinationError, Lock, RateLimit};
use connections::{Caller, Connections};

mod connections;
mod options;

pub use options::RedisOptions;

/// A generation that nobody moved for so long is forgotten, which costs whoever asks next one look into the database: 7 days, in seconds.
const GENERATION_SECONDS: i64 = 7 * 24 * 3600;

/// The bucket as the time at which it is full again, in microseconds of the server's clock.
/// KEYS: bucket. ARGV: tokens per second, burst, cost. Answers the microseconds to wait, 0 = taken.
const TAKE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local each, burst, cost = 1000000 / ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local full_at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or now))
local over = full_at - now + math.min(cost, burst) * each - burst * each
if over > 0.5 then return math.ceil(over) end
full_at = full_at + cost * each
if full_at > now then
  redis.call('SET', KEYS[1], string.format('%.17g', full_at), 'PX', math.ceil((full_at - now) / 1000))
end
return 0";

/// The fence is the server's time in microseconds, or one more than the last: so it grows also when Redis lost its memory.
/// KEYS: lock, last fence. ARGV: owner, time to live in ms. Answers the fence, 0 = held by another.
const LOCK: &str = "
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local time = redis.call('TIME')
local fence = math.max(time[1] * 1000000 + time[2], tonumber(redis.call('GET', KEYS[2]) or 0) + 1)
redis.call('SET', KEYS[2], string.format('%.0f', fence), 'EX', 86400)
return fence";

/// KEYS: lock. ARGV: owner, time to live in ms.
const EXTEND: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

/// KEYS: lock. ARGV: owner.
const RELEASE: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

/// Coordination among processes by Redis.
pub struct RedisCoordination {
    connections: Connections,
    prefix: String,
    /// One server holds all keys, so that one command may read several.
    together: bool,
}

/// A number nobody had before, but for a chance of 1 in 2^63.
fn fresh() -> u64 {
    rand::rng().random::<u64>() >> 1
}

/// What a session adds to its numbers; the same salt in all processes would do as well.
fn in_session(number: u64, session: u64) -> u64 {
    static SALT: LazyLock<u64> = LazyLock::new(|| fresh() | 1);
    number ^ session.wrapping_mul(*SALT)
}

fn millis(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX).max(1)
}

impl RedisCoordination {
    /// Connects, and waits for it no longer than the time-out. A server that is down is no error: it is tried on, and calls fail at once
    /// until it answers.
    ///
    /// # Errors
    /// Options that cannot work: an address that is none, certificates that cannot be read.
    pub async fn connect(options: RedisOptions) -> Result<Self, CoordinationError> {
        if options.route_reads_to_replicas {
            tracing::info!("redis.route_reads_to_replicas: coordination reads nothing that may be late, all reads go to the primary");
        }
        let together = !options.cluster_mode || !options.sentinel_master_name.is_empty();
        Ok(Self { connections: Connections::open(&options).await?, prefix: options.key_prefix, together })
    }

    fn key(&self, key: &str) -> String {
        format!("{}:{key}", self.prefix)
    }

    /// The braces keep the keys of one lock on one node of a cluster.
    fn lock_key(&self, key: &str) -> String {
        format!("{}:lock:{{{key}}}", self.prefix)
    }

    async fn script<const KEYS: usize, const ARGS: usize>(
        &self,
        name: &'static str,
        script: &'static str,
        keys: [String; KEYS],
        arguments: [i64; ARGS],
    ) -> Result<u64, CoordinationError> {
        let run = |caller: Caller| async move { caller.eval(script, keys.to_vec(), arguments.to_vec()).await };
        Ok(self.connections.call(name, run).await?.0)
    }
}

async fn read(caller: &Caller, keys: &[String], together: bool) -> Result<Vec<Option<u64>>, Error> {
    if together {
        return caller.mget(keys.to_vec()).await;
    }
    try_join_all(keys.iter().map(|key| caller.get(key))).await
}

/// Reads numbers, and gives those a fresh one that have none.
async fn read_or_begin(caller: Caller, keys: Vec<String>, together: bool) -> Result<Vec<Option<u64>>, Error> {
    let numbers = read(&caller, &keys, together).await?;
    if numbers.iter().all(Option::is_some) {
        return Ok(numbers);
    }
    let missing = keys.iter().zip(&numbers).filter(|(_, number)| number.is_none());
    let begin = missing.map(|(key, _)| write(&caller, key, Some(SetOptions::NX)));
    try_join_all(begin).await?;
    read(&caller, &keys, together).await
}

/// Answers the number only when it was written; nobody looks at it.
async fn write(caller: &Caller, key: &str, only: Option<SetOptions>) -> Result<Option<String>, Error> {
    caller.set(key, fresh().cast_signed(), Some(Expiration::EX(GENERATION_SECONDS)), only, false).await
}

#[async_trait]
impl Coordination for RedisCoordination {
    async fn generations(&self, keys: &[String]) -> Result<Vec<u64>, CoordinationError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<String> = keys.iter().map(|key| self.key(key)).collect();
        let (numbers, session) = self.connections.call("generations", |caller| read_or_begin(caller, keys, self.together)).await?;
        let session = session.ok_or_else(|| CoordinationError("the connection was made anew meanwhile".into()))?;
        let numbers = numbers.into_iter().map(|number| number.map(|number| in_session(number, session)));
        numbers.collect::<Option<_>>().ok_or_else(|| CoordinationError("it keeps nothing: its memory is full".into()))
    }

    async fn advance(&self, keys: &[String]) -> Result<(), CoordinationError> {
        if keys.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = keys.iter().map(|key| self.key(key)).collect();
        let run = |caller: Caller| async move { try_join_all(keys.iter().map(|key| write(&caller, key, None))).await };
        self.connections.call("advance", run).await?;
        Ok(())
    }

    async fn take(&self, key: &str, limit: RateLimit, cost: u32) -> Result<Option<Duration>, CoordinationError> {
        let arguments = [limit.per_second.get().into(), limit.burst.get().into(), cost.into()];
        let wait = self.script("take", TAKE, [self.key(&format!("rate:{key}"))], arguments).await?;
        Ok((wait > 0).then(|| Duration::from_micros(wait)))
    }

    async fn lock(&self, key: &str, ttl: Duration) -> Result<Option<Lock>, CoordinationError> {
        let owner = fresh();
        let keys = [self.lock_key(key), format!("{}:fence", self.lock_key(key))];
        let fence = self.script("lock", LOCK, keys, [owner.cast_signed(), millis(ttl)]).await?;
        Ok((fence > 0).then(|| Lock { key: key.to_owned(), owner, fence }))
    }

    async fn extend(&self, lock: &Lock, ttl: Duration) -> Result<bool, CoordinationError> {
        Ok(self.script("extend", EXTEND, [self.lock_key(&lock.key)], [lock.owner.cast_signed(), millis(ttl)]).await? == 1)
    }

    async fn release(&self, lock: &Lock) -> Result<bool, CoordinationError> {
        Ok(self.script("release", RELEASE, [self.lock_key(&lock.key)], [lock.owner.cast_signed()]).await? == 1)
    }

    async fn check(&self) -> Result<(), CoordinationError> {
        let key = self.key("check");
        let run = |caller: Caller| async move { caller.set(key, 1, Some(Expiration::EX(60)), None, false).await };
        self.connections.call("check", run).await.map(|((), _)| ())
    }
}
