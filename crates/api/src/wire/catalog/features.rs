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
    #[serde(default)]
    pub(crate) unit_singular: String,
    #[serde(default)]
    pub(crate) unit_plural: String,
    /// Usage is divided by it. A JSON number, with its digits; requests may send a string.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_number")]
    #[schema(value_type = Option<Number>)]
    pub(crate) conversion_rate: Option<Decimal>,
}

/// One level of an alert.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = types::AlertThreshold)]
pub(crate) struct ThresholdBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) threshold: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) condition: Option<AlertCondition>,
}

/// When a feature raises alerts.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = types::AlertSettings)]
pub(crate) struct AlertSettingsBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) critical: Option<ThresholdBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) warning: Option<ThresholdBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) info: Option<ThresholdBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alert_enabled: Option<bool>,
}

/// A feature to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreateFeatureRequest {
    /// Display name.
    #[serde(default)]
    pub(crate) name: String,
    /// Required.
    #[serde(rename = "type")]
    #[schema(required = true)]
    pub(crate) kind: Option<FeatureType>,
    /// Made from the name when empty.
    #[serde(default)]
    pub(crate) lookup_key: String,
    #[serde(default)]
    pub(crate) description: String,
    /// An existing meter; wins over `meter`.
    pub(crate) meter_id: Option<String>,
    /// A meter to make with it.
    pub(crate) meter: Option<CreateMeterRequest>,
    #[serde(default)]
    pub(crate) unit_singular: String,
    #[serde(default)]
    pub(crate) unit_plural: String,
    pub(crate) reporting_unit: Option<ReportingUnitBody>,
    pub(crate) alert_settings: Option<AlertSettingsBody>,
    pub(crate) group_id: Option<String>,
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

/// Changes of a feature: only what is given.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct UpdateFeatureRequest {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    /// Replaces all pairs.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
    pub(crate) unit_singular: Option<String>,
    pub(crate) unit_plural: Option<String>,
    pub(crate) reporting_unit: Option<ReportingUnitBody>,
    /// Merged level by level.
    pub(crate) alert_settings: Option<AlertSettingsBody>,
    /// Empty takes the group away.
    pub(crate) group_id: Option<String>,
    /// Added to the meter's.
    #[schema(value_type = Option<Vec<FilterBody>>, max_items = 100)]
    pub(crate) filters: Option<List<FilterBody, 100>>,
}

/// What differs in the copy.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CloneFeatureRequest {
    /// Required.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) name: String,
    /// Required.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) lookup_key: String,
    pub(crate) description: Option<String>,
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

/// A feature.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FeatureResponse {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) lookup_key: String,
    pub(crate) description: String,
    #[serde(rename = "type")]
    pub(crate) kind: FeatureType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meter_id: Option<String>,
    /// Where it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meter: Option<MeterResponse>,
    pub(crate) unit_singular: String,
    pub(crate) unit_plural: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reporting_unit: Option<ReportingUnitBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alert_settings: Option<AlertSettingsBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<GroupResponse>,
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
    pub(crate) lookup_key: Option<String>,
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) lookup_keys: Texts,
    /// In any case.
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
