//! The published meters of each scope by event name, in memory: ingestion asks for them with every event.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use domain::meter::Meter;
use domain::scope::Scope;

use crate::{App, Result};

/// Meters by event name.
pub(crate) type MetersByName = HashMap<String, Vec<Meter>>;

#[derive(Default)]
pub(crate) struct MeterIndex {
    scopes: ArcSwap<HashMap<Scope, Arc<MetersByName>>>,
    /// One reload at a time, so that an older state never replaces a newer one.
    reloading: tokio::sync::Mutex<()>,
}

impl App {
    /// The published meters of a scope. A meter that was made or changed is seen by every event that arrives after the answer.
    pub(crate) async fn meters(&self, scope: &Scope) -> Result<Arc<MetersByName>> {
        if let Some(meters) = self.shared.meters.scopes.load().get(scope) {
            return Ok(Arc::clone(meters));
        }
        self.reload_meters(scope).await?;
        Ok(self.shared.meters.scopes.load().get(scope).cloned().unwrap_or_default())
    }

    pub(crate) async fn reload_meters(&self, scope: &Scope) -> Result<()> {
        let _alone = self.shared.meters.reloading.lock().await;
        let mut by_name = MetersByName::new();
        for meter in self.find_all::<Meter>(scope, &[]).await? {
            by_name.entry(meter.event_name.trim().to_owned()).or_default().push(meter);
        }
        let by_name = Arc::new(by_name);
        self.shared.meters.scopes.rcu(|scopes| {
            let mut scopes = HashMap::clone(scopes);
            scopes.insert(scope.clone(), Arc::clone(&by_name));
            scopes
        });
        Ok(())
    }
}
