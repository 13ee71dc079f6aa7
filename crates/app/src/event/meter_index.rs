//! The published meters of each scope by event name, in memory: ingestion asks for them with every event. And which ledger has them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arc_swap::ArcSwap;
use domain::ids::MeterId;
use domain::meter::Meter;
use domain::scope::Scope;
use storage::meter_ledgers::{self, CountedIn};
use streams::Ledger;

use crate::coherence::Topic;
use crate::{App, Result};

/// Meters by event name.
pub(crate) type MetersByName = HashMap<String, Vec<Meter>>;

/// The meters of a scope.
#[derive(Default)]
pub(crate) struct Meters {
    /// All.
    pub(crate) all: Arc<MetersByName>,
    /// What the usage ledger counts.
    usage: Arc<MetersByName>,
    /// What the ledger of costs counts.
    costs: Arc<MetersByName>,
    /// What is read from the ledger of costs.
    pub(crate) read_from_costs: BTreeSet<MeterId>,
    /// What both count, or costs alone: nothing is added by other ways to the usage of these.
    pub(crate) listed: BTreeSet<MeterId>,
}

impl Meters {
    /// Sorts meters by the ledgers that count them.
    fn new(meters: Vec<Meter>, listed: &HashMap<MeterId, CountedIn>) -> Self {
        let by_name = |is_wanted: &dyn Fn(Option<CountedIn>) -> bool| {
            let mut by_name = MetersByName::new();
            for meter in meters.iter().filter(|meter| is_wanted(listed.get(&meter.id).copied())) {
                by_name.entry(meter.event_name.trim().to_owned()).or_default().push(meter.clone());
            }
            Arc::new(by_name)
        };
        let all = by_name(&|_| true);
        // Nearly always nothing is listed.
        let usage = if listed.is_empty() { Arc::clone(&all) } else { by_name(&|listed| listed != Some(CountedIn::Costs)) };
        let costs = by_name(&|listed| listed.is_some_and(|listed| listed != CountedIn::Usage));
        let is_read_there = |(_, listed): &(&MeterId, &CountedIn)| matches!(listed, CountedIn::Costs | CountedIn::ToUsage);
        Self {
            all,
            usage,
            costs,
            read_from_costs: listed.iter().filter(is_read_there).map(|(id, _)| id.clone()).collect(),
            listed: listed.keys().cloned().collect(),
        }
    }

    /// What a ledger counts.
    pub(crate) fn of(&self, ledger: Ledger) -> Arc<MetersByName> {
        match ledger {
            Ledger::Events => Arc::default(),
            Ledger::Usage => Arc::clone(&self.usage),
            Ledger::Costs => Arc::clone(&self.costs),
        }
    }
}

#[derive(Default)]
pub(crate) struct MeterIndex {
    scopes: ArcSwap<HashMap<Scope, (u64, Arc<Meters>)>>,
    /// One reload at a time, so that an older state never replaces a newer one.
    reloading: tokio::sync::Mutex<()>,
}

impl App {
    /// The published meters of a scope. A meter that was made or changed is seen by every event that arrives after the answer.
    pub(crate) async fn meters(&self, scope: &Scope) -> Result<Arc<Meters>> {
        let epoch = self.epochs(&[Topic::Meters(scope.clone())]).await?[0];
        self.meters_of(scope, epoch).await
    }

    /// The published meters of several scopes, by the database's own word: an event that is counted without a meter that was there
    /// before it would be lost for that meter.
    pub(crate) async fn meters_for_counting(&self, ledger: Ledger, scopes: &[Scope]) -> Result<HashMap<Scope, Arc<MetersByName>>> {
        let topics: Vec<Topic> = scopes.iter().cloned().map(Topic::Meters).collect();
        let mut meters = HashMap::with_capacity(scopes.len());
        for (scope, epoch) in scopes.iter().zip(self.epochs_by_database(&topics).await?) {
            meters.insert(scope.clone(), self.meters_of(scope, epoch).await?.of(ledger));
        }
        Ok(meters)
    }

    async fn meters_of(&self, scope: &Scope, epoch: u64) -> Result<Arc<Meters>> {
        let known = |index: &MeterIndex| {
            let scopes = index.scopes.load();
            scopes.get(scope).filter(|(known, _)| *known >= epoch).map(|(_, meters)| Arc::clone(meters))
        };
        if let Some(meters) = known(&self.shared.meters) {
            return Ok(meters);
        }
        let _alone = self.shared.meters.reloading.lock().await;
        match known(&self.shared.meters) {
            Some(meters) => Ok(meters),
            None => self.load_meters(scope, epoch).await,
        }
    }

    /// Reads the meters again, whatever memory holds.
    pub(crate) async fn reload_meters(&self, scope: &Scope) -> Result<()> {
        let _alone = self.shared.meters.reloading.lock().await;
        let epoch = self.epochs(&[Topic::Meters(scope.clone())]).await?[0];
        self.load_meters(scope, epoch).await.map(|_| ())
    }

    /// The caller holds `reloading`. What is read is at least as new as the epoch, which was asked for before.
    async fn load_meters(&self, scope: &Scope, epoch: u64) -> Result<Arc<Meters>> {
        let meters = self.find_all::<Meter>(scope, &[]).await?;
        let listed = match self.shared.costs {
            Some(_) => meter_ledgers::of_scope(&mut self.database(), scope).await?.into_iter().collect(),
            None => HashMap::new(),
        };
        let meters = Arc::new(Meters::new(meters, &listed));
        self.shared.meters.scopes.rcu(|scopes| {
            let mut scopes = HashMap::clone(scopes);
            scopes.insert(scope.clone(), (epoch, Arc::clone(&meters)));
            scopes
        });
        Ok(meters)
    }
}
