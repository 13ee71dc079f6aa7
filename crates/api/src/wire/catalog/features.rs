//! Features on the wire.

use crate::body::List;
use crate::body::Metadata;
use crate::body::Texts;
use crate::list::CommonFilter;
use crate::wire::AuditBody;
use crate::wire::Number;
use crate::wire::catalog::groups::GroupResponse;
use crate::wire::catalog::meters::CreateMeterRequest;
use crate::wire::catalog::meters::FilterBody;
use crate::wire::catalog::meters::MeterResponse;
use domain::catalog::AlertCondition;
use domain::catalog::AlertSettings;
use domain::catalog::AlertThreshold;
use domain::catalog::Feature;
use domain::catalog::FeatureType;
use domain::catalog::ReportingUnit;
use domain::ids::FeatureId;
use domain::ids::GroupId;
use domain::ids::MeterId;
use domain::invalid::Faults;
use domain::invalid::Invalid;
use domain::money::Decimal;
use domain::scope::Audit;
use serde::Deserialize;
use serde::Serialize;
use serde::Serializer;
use std::collections::BTreeMap;
use utoipa::ToSchema;

fn as_number<S: Serializer>(value: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().map(Number::from).serialize(serializer)
}

/// How usage is shown in another unit.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = types::ReportingUnit)]
pub(crate) struct ReportingUnitBody {
    /// One of it, such as `GB`.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) unit_singular: String,
    /// Many of it.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) unit_plural: String,
    /// How much usage is one of it: usage is divided by it. Above 0. A JSON number, with its digits; requests may send a string.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_number")]
    #[schema(value_type = Option<Number>, required = true)]
    pub(crate) conversion_rate: Option<Decimal>,
}

/// One level of an alert.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = types::AlertThreshold)]
pub(crate) struct ThresholdBody {
    /// The value that usage is compared with; required with a condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) threshold: Option<Decimal>,
    /// Which side of the threshold raises the alert, itself included: above or below; required with a threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) condition: Option<AlertCondition>,
}

/// When a feature raises alerts.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = types::AlertSettings)]
pub(crate) struct AlertSettingsBody {
    /// The worst level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) critical: Option<ThresholdBody>,
    /// The middle level; needs the worst.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) warning: Option<ThresholdBody>,
    /// The mildest level. All levels have one condition, and run from here to the worst.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) info: Option<ThresholdBody>,
    /// Whether alerts are raised at all: no without. True needs a level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alert_enabled: Option<bool>,
}

/// A feature to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreateFeatureRequest {
    /// What people read; not blank.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) name: String,
    /// metered (counted by a meter), boolean (on or off), static (a fixed text) or config (a fixed object).
    #[serde(rename = "type")]
    #[schema(required = true)]
    pub(crate) kind: Option<FeatureType>,
    /// The caller's name, unique among published features; made from the name when empty.
    #[serde(default)]
    pub(crate) lookup_key: String,
    /// Free text.
    #[serde(default)]
    pub(crate) description: String,
    /// An existing meter: a metered feature needs this or `meter`, and this wins.
    pub(crate) meter_id: Option<String>,
    /// A meter to make with it: a metered feature needs this or `meter_id`.
    pub(crate) meter: Option<CreateMeterRequest>,
    /// One unit of it, such as `call`; goes with `unit_plural`.
    #[serde(default)]
    pub(crate) unit_singular: String,
    /// Many units of it; goes with `unit_singular`.
    #[serde(default)]
    pub(crate) unit_plural: String,
    /// Another unit that usage is shown in besides; none without.
    pub(crate) reporting_unit: Option<ReportingUnitBody>,
    /// When it raises alerts; never without.
    pub(crate) alert_settings: Option<AlertSettingsBody>,
    /// A display group of features; none without.
    pub(crate) group_id: Option<String>,
    /// Free pairs, at most 100.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

/// Changes of a feature: only what is given.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct UpdateFeatureRequest {
    /// What people read; not blank; kept without.
    pub(crate) name: Option<String>,
    /// Free text; kept without.
    pub(crate) description: Option<String>,
    /// Replaces all pairs.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
    /// One unit of it; kept without.
    pub(crate) unit_singular: Option<String>,
    /// Many units of it; kept without.
    pub(crate) unit_plural: Option<String>,
    /// Replaces the unit as a whole; kept without.
    pub(crate) reporting_unit: Option<ReportingUnitBody>,
    /// Merged level by level; kept without.
    pub(crate) alert_settings: Option<AlertSettingsBody>,
    /// A display group of features; empty takes it away, kept without.
    pub(crate) group_id: Option<String>,
    /// Added to the meter's; nothing can be taken away.
    #[schema(value_type = Option<Vec<FilterBody>>, max_items = 100)]
    pub(crate) filters: Option<List<FilterBody, 100>>,
}

/// What differs in the copy.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CloneFeatureRequest {
    /// Of the copy; not blank.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) name: String,
    /// Of the copy; unique among published features.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) lookup_key: String,
    /// Free text; the source's without.
    pub(crate) description: Option<String>,
    /// Added to the source's pairs.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

/// A feature.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FeatureResponse {
    /// `feat_` and a ULID.
    pub(crate) id: String,
    /// What people read.
    pub(crate) name: String,
    /// The caller's name; unique among published features.
    pub(crate) lookup_key: String,
    /// Free text; empty when unused.
    pub(crate) description: String,
    /// metered (counted by a meter), boolean (on or off), static (a fixed text) or config (a fixed object).
    #[serde(rename = "type")]
    pub(crate) kind: FeatureType,
    /// What counts it; only metered features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meter_id: Option<String>,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meter: Option<MeterResponse>,
    /// One unit of it; empty when unused.
    pub(crate) unit_singular: String,
    /// Many units of it; empty when unused.
    pub(crate) unit_plural: String,
    /// Another unit that usage is shown in; absent when unused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reporting_unit: Option<ReportingUnitBody>,
    /// When it raises alerts; absent without a critical and an info level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alert_settings: Option<AlertSettingsBody>,
    /// Its display group; absent without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_id: Option<String>,
    /// That group; where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<GroupResponse>,
    /// Free pairs.
    pub(crate) metadata: BTreeMap<String, String>,
    /// Status, scope, dates.
    #[serde(flatten)]
    pub(crate) audit: AuditBody,
}

/// Which features.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = types::FeatureFilter)]
pub(crate) struct FeatureFilter {
    #[serde(flatten)]
    pub(crate) common: CommonFilter,
    /// Any of these ids.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) feature_ids: Texts,
    /// Of any of these meters.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) meter_ids: Texts,
    /// Exactly.
    pub(crate) lookup_key: Option<String>,
    /// Any of these lookup keys.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) lookup_keys: Texts,
    /// A part of the name, in any case.
    pub(crate) name_contains: Option<String>,
}

impl TryFrom<AlertSettingsBody> for AlertSettings {
    type Error = Invalid;

    fn try_from(body: AlertSettingsBody) -> Result<Self, Invalid> {
        let mut faults = Faults::default();
        let mut level = |field: &str, body: Option<ThresholdBody>| match body {
            Some(ThresholdBody { threshold: Some(threshold), condition: Some(condition) }) => Some(AlertThreshold { threshold, condition }),
            None | Some(ThresholdBody { threshold: None, condition: None }) => None,
            Some(_) => {
                faults.require(false, &format!("alert_settings.{field}"), "an alert level needs threshold and condition");
                None
            }
        };
        let (critical, warning, info) = (level("critical", body.critical), level("warning", body.warning), level("info", body.info));
        faults.check()?;
        Ok(Self { critical, warning, info, alert_enabled: body.alert_enabled })
    }
}

impl From<&AlertSettings> for AlertSettingsBody {
    fn from(settings: &AlertSettings) -> Self {
        let level = |level: &Option<AlertThreshold>| {
            level.as_ref().map(|level| ThresholdBody { threshold: Some(level.threshold.clone()), condition: Some(level.condition) })
        };
        Self {
            critical: level(&settings.critical),
            warning: level(&settings.warning),
            info: level(&settings.info),
            alert_enabled: settings.alert_enabled,
        }
    }
}

impl From<ReportingUnitBody> for ReportingUnit {
    fn from(body: ReportingUnitBody) -> Self {
        Self { unit_singular: body.unit_singular, unit_plural: body.unit_plural, conversion_rate: body.conversion_rate.unwrap_or_default() }
    }
}

impl From<&ReportingUnit> for ReportingUnitBody {
    fn from(unit: &ReportingUnit) -> Self {
        Self {
            unit_singular: unit.unit_singular.clone(),
            unit_plural: unit.unit_plural.clone(),
            conversion_rate: Some(unit.conversion_rate.clone()),
        }
    }
}

impl CreateFeatureRequest {
    /// The feature that is asked for, without its meter, or all that is wrong about it.
    pub(crate) fn to_feature(&self, id: FeatureId, audit: Audit) -> Result<Feature, Invalid> {
        let mut faults = Faults::default();
        let kind = faults.needed_word(self.kind, "type", FeatureType::TEXTS);
        let alert_settings = faults.take(self.alert_settings.clone().map(AlertSettings::try_from).transpose()).flatten();
        let feature = Feature {
            id,
            name: self.name.clone(),
            lookup_key: self.lookup_key.clone(),
            description: self.description.clone(),
            // Nothing depends on it that is checked here.
            kind: kind.unwrap_or(FeatureType::Static),
            meter_id: self.meter_id.as_deref().filter(|id| !id.is_empty()).map(MeterId::from),
            unit_singular: self.unit_singular.clone(),
            unit_plural: self.unit_plural.clone(),
            reporting_unit: self.reporting_unit.clone().map(ReportingUnit::from),
            alert_settings,
            group_id: self.group_id.as_deref().filter(|id| !id.is_empty()).map(GroupId::from),
            metadata: self.metadata.clone().map(Metadata::into_inner).unwrap_or_default(),
            audit,
        };
        faults.take(feature.validate());
        faults.check().map(|()| feature)
    }
}

impl UpdateFeatureRequest {
    /// Applies what is given; the filters belong to the meter.
    pub(crate) fn apply(self, alert_settings: Option<AlertSettings>, feature: &mut Feature) {
        for (given, field) in [
            (self.name, &mut feature.name),
            (self.description, &mut feature.description),
            (self.unit_singular, &mut feature.unit_singular),
            (self.unit_plural, &mut feature.unit_plural),
        ] {
            if let Some(given) = given {
                *field = given;
            }
        }
        if let Some(metadata) = self.metadata {
            feature.metadata = metadata.into_inner();
        }
        if let Some(unit) = self.reporting_unit {
            feature.reporting_unit = Some(unit.into());
        }
        if let Some(newer) = alert_settings {
            feature.alert_settings.get_or_insert_default().merge(newer);
        }
        if let Some(group) = self.group_id {
            feature.group_id = if group.is_empty() { None } else { Some(group.into()) };
        }
    }
}

impl FeatureResponse {
    /// A feature with what is embedded.
    pub(crate) fn new(feature: &Feature, meter: Option<MeterResponse>, group: Option<GroupResponse>) -> Self {
        let Feature { audit, .. } = feature;
        Self {
            id: feature.id.to_string(),
            name: feature.name.clone(),
            lookup_key: feature.lookup_key.clone(),
            description: feature.description.clone(),
            kind: feature.kind,
            meter_id: feature.meter_id.as_ref().map(ToString::to_string),
            meter,
            unit_singular: feature.unit_singular.clone(),
            unit_plural: feature.unit_plural.clone(),
            reporting_unit: feature.reporting_unit.as_ref().map(ReportingUnitBody::from),
            // Settings without critical and info level read back as absent (spec 20 §3.3).
            alert_settings: feature
                .alert_settings
                .as_ref()
                .filter(|settings| settings.critical.is_some() || settings.info.is_some())
                .map(AlertSettingsBody::from),
            group_id: feature.group_id.as_ref().map(ToString::to_string),
            group,
            metadata: feature.metadata.clone(),
            audit: AuditBody::from(audit),
        }
    }
}
