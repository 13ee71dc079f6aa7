//! The published meters of each scope by event name, in memory: ingestion asks for them with every event.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use domain::meter::Meter;
use domain::scope::Scope;

use crate::coherence::Topic;
use crate::{App, Result};

/// Meters by event name.
pub(crate) type MetersByName = HashMap<String, Vec<Meter>>;

#[derive(Default)]
pub(crate) struct MeterIndex {
    scopes: ArcSwap<HashMap<Scope, (u64, Arc<MetersByName>)>>,
    /// One reload at a time, so that an older state never replaces a newer one.
    reloading: tokio::sync::Mutex<()>,
}

impl App {
    /// The published meters of a scope. A meter that was made or changed is seen by every event that arrives after the answer.
    pub(crate) async fn meters(&self, scope: &Scope) -> Result<Arc<MetersByName>> {
        let epoch = self.epochs(&[Topic::Meters(scope.clone())]).await?[0];
        self.meters_of(scope, epoch).await
    }

    /// The published meters of several scopes, by the database's own word: an event that is counted without a meter that was there
    /// before it would be lost for that meter.
    pub(crate) async fn meters_for_counting(&self, scopes: &[Scope]) -> Result<HashMap<Scope, Arc<MetersByName>>> {
        let topics: Vec<Topic> = scopes.iter().cloned().map(Topic::Meters).collect();
        let mut meters = HashMap::with_capacity(scopes.len());
        for (scope, epoch) in scopes.iter().zip(self.epochs_by_database(&topics).await?) {
            meters.insert(scope.clone(), self.meters_of(scope, epoch).await?);
        }
        Ok(meters)
    }

    async fn meters_of(&self, scope: &Scope, epoch: u64) -> Result<Arc<MetersByName>> {
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
    async fn load_meters(&self, scope: &Scope, epoch: u64) -> Result<Arc<MetersByName>> {
        let mut by_name = MetersByName::new();
        for meter in self.find_all::<Meter>(scope, &[]).await? {
            by_name.entry(meter.event_name.trim().to_owned()).or_default().push(meter);
        }
        let by_name = Arc::new(by_name);
        self.shared.meters.scopes.rcu(|scopes| {
            let mut scopes = HashMap::clone(scopes);
            scopes.insert(scope.clone(), (epoch, Arc::clone(&by_name)));
            scopes
        });
        Ok(by_name)
    }
}
