//! Keeping what a process remembers true while other processes change it.
//!
//! Everything kept in memory hangs on a [`Topic`]. Whoever changes something moves the topic's generation on: in the database, in the
//! same unit of work, and after the commit in the coordination server, before the request is answered. Whoever wants to trust its
//! memory asks for the generation first, and keeps what it reads under the *epoch* that goes with it. So a change is seen by every
//! request, in any process, that begins after the change was answered. Without the coordination server the database is asked: slower,
//! never wrong. A process that owns its database alone ([`Sharing::Alone`]) asks nobody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::scope::Scope;
use storage::generations;
use streams::Coordination;

use crate::{App, Result};

/// Who else changes the same database.
pub enum Sharing {
    /// Nobody: one process owns it.
    Alone,
    /// Other processes; the coordination server, when there is one, tells of their changes faster than the database.
    Shared(Option<Arc<dyn Coordination>>),
}

/// What memory is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// Keys and environments of all tenants.
    Platform,
    /// The clocks of sandboxes.
    Clocks,
    /// The meters of a scope.
    Meters(Scope),
    /// The customers of a scope.
    Customers(Scope),
    /// The settings of a scope; those of a tenant stand under the empty environment.
    Settings(Scope),
}

impl Topic {
    fn name(&self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Clocks => "clocks",
            Self::Meters(_) => "meters",
            Self::Customers(_) => "customers",
            Self::Settings(_) => "settings",
        }
    }

    /// What all tenants share stands under the empty scope.
    fn scope(&self) -> Scope {
        match self {
            Self::Platform | Self::Clocks => Scope { tenant_id: "".into(), environment_id: "".into() },
            Self::Meters(scope) | Self::Customers(scope) | Self::Settings(scope) => scope.clone(),
        }
    }

    fn key(&self) -> String {
        let scope = self.scope();
        format!("generation:{}:{}:{}", self.name(), scope.tenant_id, scope.environment_id)
    }

    fn of(scope: Scope, name: &str) -> Option<Self> {
        match name {
            "platform" => Some(Self::Platform),
            "clocks" => Some(Self::Clocks),
            "meters" => Some(Self::Meters(scope)),
            "customers" => Some(Self::Customers(scope)),
            "settings" => Some(Self::Settings(scope)),
            _ => None,
        }
    }
}

/// What was last heard of a topic. A number that differs, from either side, begins a new epoch.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    coordination: Option<u64>,
    database: Option<i64>,
    epoch: u64,
}

pub(crate) struct Coherence {
    sharing: Sharing,
    heard: Mutex<HashMap<Topic, Heard>>,
}

impl Coherence {
    pub(crate) fn new(sharing: Sharing) -> Self {
        Self { sharing, heard: Mutex::default() }
    }

    fn hear(&self, topic: &Topic, change: impl FnOnce(&mut Heard)) -> u64 {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = heard.entry(topic.clone()).or_default();
        let before = (heard.coordination, heard.database);
        change(heard);
        if before != (heard.coordination, heard.database) {
            heard.epoch += 1;
        }
        heard.epoch
    }

    pub(crate) fn coordination(&self) -> Option<&Arc<dyn Coordination>> {
        match &self.sharing {
            Sharing::Alone => None,
            Sharing::Shared(coordination) => coordination.as_ref(),
        }
    }

    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.sharing, Sharing::Shared(_))
    }
}

impl App {
    /// The epochs under which memory of these topics is true now, in their order: one round trip.
    pub(crate) async fn epochs(&self, topics: &[Topic]) -> Result<Vec<u64>> {
        let coherence = &self.shared.coherence;
        if !coherence.is_shared() {
            return Ok(vec![0; topics.len()]);
        }
        if let Some(coordination) = coherence.coordination() {
            let keys: Vec<String> = topics.iter().map(Topic::key).collect();
            if let Ok(numbers) = coordination.generations(&keys).await {
                let heard = topics.iter().zip(numbers);
                return Ok(heard.map(|(topic, number)| coherence.hear(topic, |heard| heard.coordination = Some(number))).collect());
            }
        }
        self.epochs_by_database(topics).await
    }

    /// Likewise, by the database alone: for what must hold even when a process died between its commit and telling of it.
    pub(crate) async fn epochs_by_database(&self, topics: &[Topic]) -> Result<Vec<u64>> {
        let coherence = &self.shared.coherence;
        if !coherence.is_shared() {
            return Ok(vec![0; topics.len()]);
        }
        let asked: Vec<(Scope, &str)> = topics.iter().map(|topic| (topic.scope(), topic.name())).collect();
        let numbers = generations::of(&mut self.database(), &asked).await?;
        Ok(topics.iter().zip(numbers).map(|(topic, number)| coherence.hear(topic, |heard| heard.database = Some(number))).collect())
    }

    /// Hears what the database knows of all topics. Called every other second, it bounds how long a change stays unheard whose process
    /// died between its commit and telling of it.
    pub async fn hear_generations(&self) -> Result<()> {
        let coherence = &self.shared.coherence;
        if coherence.is_shared() {
            for (scope, name, number) in generations::all(&mut self.database()).await? {
                if let Some(topic) = Topic::of(scope, &name) {
                    coherence.hear(&topic, |heard| heard.database = Some(number));
                }
            }
        }
        Ok(())
    }

    /// Commits a change with the generations of its topics, and tells the other processes before it returns.
    pub(crate) async fn commit_change(&self, mut work: storage::UnitOfWork, topics: &[Topic]) -> Result<()> {
        let coherence = &self.shared.coherence;
        if !coherence.is_shared() {
            return Ok(work.commit().await?);
        }
        // Last of all, so that the rows of the counters are locked but for the commit.
        for topic in topics {
            generations::advance(&mut work, &topic.scope(), topic.name()).await?;
        }
        work.commit().await?;
        if let (Some(coordination), false) = (coherence.coordination(), topics.is_empty()) {
            let keys: Vec<String> = topics.iter().map(Topic::key).collect();
            if let Err(error) = coordination.advance(&keys).await {
                tracing::warn!(%error, "other processes hear of a change from the database alone, within two seconds");
            }
        }
        Ok(())
    }
}

/// Counts a look into a cache.
pub(crate) fn count_look(cache: &'static str, hit: bool) {
    let outcome = if hit { "hit" } else { "miss" };
    metrics::counter!("flexprice_cache_looks_total", "cache" => cache, "outcome" => outcome).increment(1);
}
