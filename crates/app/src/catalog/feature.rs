//! Features: what is sold, and the meter that counts it (spec 20 §3).

use domain::catalog::{Feature, FeatureType, GroupEntityType, lookup_key_of};
use domain::ids::{FeatureId, MeterId};
use domain::invalid::require;
use domain::meter::{Filter, Meter};
use domain::scope::Status;
use storage::{Condition, Value};

use super::group::check_group;
use crate::pending::AfterCommit;
use crate::{App, Context, Error, Pending, Result};

/// A feature with its meter.
pub struct NewFeature {
    /// The feature; an empty lookup key is made from the name.
    pub feature: Feature,
    /// A meter to make with it; an existing one in `feature.meter_id` wins.
    pub meter: Option<Meter>,
}

fn duplicate(lookup_key: &str) -> impl FnOnce() -> String + '_ {
    move || format!("a feature with lookup_key {lookup_key} exists already: choose another lookup_key")
}

impl App {
    /// Makes a feature, and its meter when one is given. Refused: a metered feature without meter, an archived meter, a taken
    /// lookup key.
    pub async fn create_feature(&self, context: &Context, new: NewFeature) -> Result<Pending<(Feature, Option<Meter>)>> {
        let NewFeature { mut feature, meter } = new;
        feature.validate()?;
        if feature.lookup_key.is_empty() {
            feature.lookup_key = lookup_key_of(&feature.name);
        }
        let mut work = self.database().begin().await?;
        let meter = match (feature.kind, feature.meter_id.clone(), meter) {
            (FeatureType::Metered, Some(id), _) => {
                let meter: Option<Meter> = storage::get(&mut work.shared(), &context.scope, id.as_str()).await?;
                let meter = meter.ok_or_else(|| Error::not_found("meter", id.as_str()))?;
                require(meter.audit.status == Status::Published, "the meter is archived: use a published one")?;
                Some(meter)
            }
            (FeatureType::Metered, None, Some(meter)) => {
                meter.validate()?;
                storage::insert(&mut work, &meter).await?;
                feature.meter_id = Some(meter.id.clone());
                Some(meter)
            }
            (FeatureType::Metered, None, None) => return Err(Error::input("a metered feature needs meter_id or meter")),
            (FeatureType::Boolean | FeatureType::Static | FeatureType::Config, _, _) => None,
        };
        if let Some(group) = &feature.group_id {
            check_group(&mut work, &context.scope, group.as_str(), GroupEntityType::Feature).await?;
        }
        let inserted = storage::insert(&mut work, &feature).await.map_err(Error::from);
        inserted.map_err(|error| error.or_exists(duplicate(&feature.lookup_key)))?;
        Ok(Pending::new(self, work, (feature, meter)).after(AfterCommit::Meters(context.scope.clone())))
    }

    /// Changes a feature; given filters are merged into its meter.
    pub async fn update_feature(
        &self,
        context: &Context,
        id: &str,
        filters: Option<Vec<Filter>>,
        apply: impl FnOnce(&mut Feature),
    ) -> Result<Pending<Feature>> {
        let mut work = self.database().begin().await?;
        let found: Option<Feature> = storage::get(&mut work, &context.scope, id).await?;
        let mut feature = found.ok_or_else(|| Error::not_found("feature", id))?;
        apply(&mut feature);
        feature.validate()?;
        if let Some(group) = &feature.group_id {
            check_group(&mut work, &context.scope, group.as_str(), GroupEntityType::Feature).await?;
        }
        if let Some(filters) = filters {
            let Some(meter_id) = &feature.meter_id else { return Err(Error::input("filters belong to metered features")) };
            let meter: Option<Meter> = storage::get(&mut work, &context.scope, meter_id.as_str()).await?;
            let mut meter = meter.ok_or_else(|| Error::not_found("meter", meter_id.as_str()))?;
            meter.merge_filters(&filters)?;
            self.touch(context, &mut meter);
            storage::update(&mut work, &meter).await?;
        }
        self.touch(context, &mut feature);
        storage::update(&mut work, &feature).await?;
        Ok(Pending::new(self, work, feature).after(AfterCommit::Meters(context.scope.clone())))
    }

    /// Puts a feature away, and its meter unless another feature or a price still uses it.
    pub async fn delete_feature(&self, context: &Context, id: &str) -> Result<Pending<()>> {
        let mut work = self.database().begin().await?;
        let found: Option<Feature> = storage::get(&mut work, &context.scope, id).await?;
        let mut feature = found.ok_or_else(|| Error::not_found("feature", id))?;
        feature.audit.status = Status::Archived;
        self.touch(context, &mut feature);
        storage::update(&mut work, &feature).await?;
        if let Some(meter_id) = &feature.meter_id {
            // The meter first: whoever begins to use it holds it, too, and is counted or waits.
            let meter: Option<Meter> = storage::get(&mut work, &context.scope, meter_id.as_str()).await?;
            let users = [Condition::Eq("meter_id", Value::Text(meter_id.to_string())), Condition::eq("status", &Status::Published)];
            let features = storage::count::<Feature>(&mut work, &context.scope, &users).await?;
            let prices = storage::count::<domain::rating::Price>(&mut work, &context.scope, &users).await?;
            if let (0, 0, Some(mut meter)) = (features, prices, meter) {
                meter.audit.status = Status::Archived;
                self.touch(context, &mut meter);
                storage::update(&mut work, &meter).await?;
            }
        }
        Ok(Pending::new(self, work, ()).after(AfterCommit::Meters(context.scope.clone())))
    }

    /// Copies a feature under a new name and lookup key; a metered one with a copy of its meter.
    pub async fn clone_feature(
        &self,
        context: &Context,
        id: &str,
        apply: impl FnOnce(&mut Feature),
    ) -> Result<Pending<(Feature, Option<Meter>)>> {
        let source: Feature = self.get(&context.scope, "feature", id).await?;
        let meter = match &source.meter_id {
            Some(meter_id) => Some(self.get::<Meter>(&context.scope, "meter", meter_id.as_str()).await?),
            None => None,
        };
        let mut feature = Feature { id: FeatureId::new(self.ids()), meter_id: None, audit: self.audit(context), ..source };
        feature.metadata.insert("source_feature_id".into(), id.to_owned());
        feature.lookup_key.clear();
        apply(&mut feature);
        domain::invalid::require_text(&feature.lookup_key, "lookup_key")?;
        let meter = meter.map(|meter| Meter { id: MeterId::new(self.ids()), audit: self.audit(context), ..meter });
        self.create_feature(context, NewFeature { feature, meter }).await
    }
}
