//! Features: what is sold, and the meter that counts it (spec 20 §3).

use domain::catalog::{Feature, FeatureType, GroupEntityType, lookup_key_of};
use domain::entitlement::Entitlement;
use domain::ids::{FeatureId, MeterId};
use domain::invalid::{Invalid, require_field};
use domain::meter::{Filter, Meter};
use domain::platform::{ActivityAction, EntityType, SystemEventName};
use domain::scope::Status;
use storage::{Condition, Value};

use super::group::check_group;
use crate::change::Entity;
use crate::{App, Context, Error, Pending, Result};

/// A feature with its meter.
pub struct NewFeature {
    /// The feature; an empty lookup key is made from the name.
    pub feature: Feature,
    /// A meter to make with it; an existing one in `feature.meter_id` wins.
    pub meter: Option<Meter>,
}

impl Entity for Feature {
    const TYPE: EntityType = EntityType::Feature;
    const NAME: &'static str = "feature";

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn taken(&self) -> String {
        format!("a feature with lookup_key {} exists already: choose another lookup_key", self.lookup_key)
    }

    fn unique(&self) -> Option<(&'static str, &str)> {
        Some(("lookup_key", &self.lookup_key))
    }

    fn event(&self, action: ActivityAction) -> Option<SystemEventName> {
        Some(match action {
            ActivityAction::Created => SystemEventName::FeatureCreated,
            ActivityAction::Updated => SystemEventName::FeatureUpdated,
            ActivityAction::Archived => SystemEventName::FeatureDeleted,
        })
    }
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
        let mut change = self.begin(context).await?;
        let meter = match (feature.kind, feature.meter_id.clone(), meter) {
            (FeatureType::Metered, Some(id), _) => {
                let meter: Meter = change.require_shared(id.as_str()).await?;
                require_field(meter.audit.status == Status::Published, "meter_id", "the meter is archived: use a published one")?;
                Some(meter)
            }
            (FeatureType::Metered, None, Some(meter)) => {
                meter.validate()?;
                change.create(&meter).await?;
                feature.meter_id = Some(meter.id.clone());
                Some(meter)
            }
            (FeatureType::Metered, None, None) => return Err(Error::field("meter_id", "a metered feature needs meter_id or meter")),
            (FeatureType::Boolean | FeatureType::Static | FeatureType::Config, _, _) => None,
        };
        if let Some(group) = &feature.group_id {
            check_group(change.work(), &context.scope, group.as_str(), GroupEntityType::Feature).await?;
        }
        change.create(&feature).await?;
        Ok(change.done((feature, meter)))
    }

    /// Changes a feature; given filters are merged into its meter.
    pub async fn update_feature(
        &self,
        context: &Context,
        id: &str,
        filters: Option<Vec<Filter>>,
        apply: impl FnOnce(&mut Feature),
    ) -> Result<Pending<Feature>> {
        let mut change = self.begin(context).await?;
        let before: Feature = change.require(id).await?;
        let mut feature = before.clone();
        apply(&mut feature);
        feature.validate()?;
        if let Some(group) = &feature.group_id {
            check_group(change.work(), &context.scope, group.as_str(), GroupEntityType::Feature).await?;
        }
        if let Some(filters) = filters {
            let Some(meter_id) = &feature.meter_id else { return Err(Error::field("filters", "filters belong to metered features")) };
            change.edit(meter_id.as_str(), |meter: &mut Meter| Ok(meter.merge_filters(&filters)?)).await?;
        }
        change.update(&before, &mut feature).await?;
        Ok(change.done(feature))
    }

    /// Archives a feature, and its meter unless another feature or a price still uses it. Refused while an entitlement gives it.
    pub async fn delete_feature(&self, context: &Context, id: &str) -> Result<Pending<()>> {
        let mut change = self.begin(context).await?;
        let feature: Feature = change.require(id).await?;
        let given = [Condition::Eq("feature_id", Value::Text(id.to_owned())), Condition::eq("status", &Status::Published)];
        let entitlements = storage::count::<Entitlement>(change.work(), &context.scope, &given).await?;
        if entitlements > 0 {
            let message = format!("{entitlements} entitlements give the feature: delete them first");
            return Err(Invalid::operation(message).with("id", id).with("entitlements", entitlements).into());
        }
        change.archive(&feature).await?;
        if let Some(meter_id) = &feature.meter_id {
            // The meter first: whoever begins to use it holds it, too, and is counted or waits.
            let meter: Option<Meter> = storage::get(change.work(), &context.scope, meter_id.as_str()).await?;
            let users = [Condition::Eq("meter_id", Value::Text(meter_id.to_string())), Condition::eq("status", &Status::Published)];
            let features = storage::count::<Feature>(change.work(), &context.scope, &users).await?;
            let prices = storage::count::<domain::rating::Price>(change.work(), &context.scope, &users).await?;
            if let (0, 0, Some(meter)) = (features, prices, meter) {
                change.archive(&meter).await?;
            }
        }
        Ok(change.done(()))
    }

    /// Copies a feature under a new name and lookup key; a metered one with a copy of its meter.
    pub async fn clone_feature(
        &self,
        context: &Context,
        id: &str,
        apply: impl FnOnce(&mut Feature),
    ) -> Result<Pending<(Feature, Option<Meter>)>> {
        let source: Feature = self.require(&context.scope, id).await?;
        let meter = match &source.meter_id {
            Some(meter_id) => Some(self.require::<Meter>(&context.scope, meter_id.as_str()).await?),
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
