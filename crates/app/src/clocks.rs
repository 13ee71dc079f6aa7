//! The clocks of environments: the system's, or an instant that a sandbox was set to.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use domain::ids::EnvironmentId;
use domain::time::{Clock, Timestamp};

/// Tells each environment's time. A sandbox with a clock of its own stands still until it is set or advanced.
pub struct Clocks {
    system: Box<dyn Fn() -> Timestamp + Send + Sync>,
    set: ArcSwap<HashMap<EnvironmentId, Timestamp>>,
    /// Of the clocks, when they were last read as a whole.
    epoch: AtomicU64,
    /// Held while a clock is written or all are read, so that what was read before a write never replaces it.
    pub(crate) writing: tokio::sync::Mutex<()>,
}

impl Clocks {
    pub(crate) fn new(system: Box<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        Self { system, set: ArcSwap::default(), epoch: AtomicU64::new(0), writing: tokio::sync::Mutex::default() }
    }

    /// The instant an environment was set to; `None` when it follows the system.
    pub fn own(&self, environment: &EnvironmentId) -> Option<Timestamp> {
        self.set.load().get(environment).copied()
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Takes over all clocks as they were read under an epoch.
    pub(crate) fn replace(&self, clocks: HashMap<EnvironmentId, Timestamp>, epoch: u64) {
        self.set.store(Arc::new(clocks));
        self.epoch.store(epoch, Ordering::Release);
    }

    pub(crate) fn set(&self, environment: &EnvironmentId, instant: Timestamp) {
        self.set.rcu(|set| {
            let mut set = HashMap::clone(set);
            set.insert(environment.clone(), instant);
            set
        });
    }

    pub(crate) fn remove(&self, environment: &EnvironmentId) {
        self.set.rcu(|set| {
            let mut set = HashMap::clone(set);
            set.remove(environment);
            set
        });
    }
}

impl Clock for Clocks {
    fn now(&self, environment: &EnvironmentId) -> Timestamp {
        self.own(environment).unwrap_or_else(|| (self.system)())
    }

    fn system_now(&self) -> Timestamp {
        (self.system)()
    }
}
