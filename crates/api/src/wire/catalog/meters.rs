//! Meters on the wire.

use crate::body::List;
use crate::body::Texts;
use crate::list::CommonFilter;
use crate::wire::AuditBody;
use domain::ids::MeterId;
use domain::invalid::Faults;
use domain::invalid::Invalid;
use domain::meter::Aggregation;
use domain::meter::AggregationType;
use domain::meter::Expression;
use domain::meter::Filter;
use domain::meter::Meter;
use domain::meter::ResetUsage;
use domain::meter::WindowSize;
use domain::money::Decimal;
use domain::scope::Audit;
use serde::Deserialize;
use serde::Serialize;
use utoipa::ToSchema;

/// What a meter takes from an event.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = meter::Aggregation)]
pub(crate) struct AggregationBody {
    /// How quantities become usage.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(required = true)]
    pub(crate) kind: Option<AggregationType>,
    /// A first-level property; required but for COUNT, unless there is an expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// A CEL formula over first-level properties, instead of a field: only for SUM, AVG, MAX and LATEST.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expression: Option<String>,
    /// A factor: for SUM_WITH_MULTIPLIER, or of an expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) multiplier: Option<Decimal>,
    /// Only for MAX and SUM: usage per window of this size, in UTC, each priced on its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bucket_size: Option<WindowSize>,
    /// Only for MAX with a bucket_size: a first-level property whose values are told apart in each bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_by: Option<String>,
}

/// A condition on one property: any of the values.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = meter::Filter)]
pub(crate) struct FilterBody {
    /// A first-level property of the event.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) key: String,
    /// Any of these is met, as texts; at least one.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000, required = true)]
    pub(crate) values: Texts,
}

/// A meter to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreateMeterRequest {
    /// What people read; not blank.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) name: String,
    /// The events it reads, by their exact name; not blank.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) event_name: String,
    /// What it takes from them.
    #[schema(required = true)]
    pub(crate) aggregation: Option<AggregationBody>,
    /// Conditions, all of which must hold; every event of the name counts without.
    #[schema(value_type = Option<Vec<FilterBody>>, max_items = 100)]
    pub(crate) filters: Option<List<FilterBody, 100>>,
    /// BILLING_PERIOD: each period counts for itself; NEVER: usage runs on.
    #[schema(required = true)]
    pub(crate) reset_usage: Option<ResetUsage>,
}

/// Filters to add; nothing can be taken away.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct UpdateMeterRequest {
    /// 1 to 100; conditions are added to those that are there, and all must hold.
    #[serde(default)]
    #[schema(value_type = Vec<FilterBody>, max_items = 100, required = true)]
    pub(crate) filters: List<FilterBody, 100>,
}

/// A meter.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct MeterResponse {
    /// `meter_` and a ULID.
    pub(crate) id: String,
    /// What people read.
    pub(crate) name: String,
    /// The events it reads, by their exact name.
    pub(crate) event_name: String,
    /// What it takes from them.
    pub(crate) aggregation: AggregationBody,
    /// Conditions, all of which must hold; empty for every event of the name.
    pub(crate) filters: Vec<FilterBody>,
    /// BILLING_PERIOD: each period counts for itself; NEVER: usage runs on.
    pub(crate) reset_usage: ResetUsage,
    /// Status, scope, dates.
    #[serde(flatten)]
    pub(crate) audit: AuditBody,
}

/// Which meters.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct MeterFilter {
    #[serde(flatten)]
    pub(crate) common: CommonFilter,
    /// Exactly.
    pub(crate) event_name: Option<String>,
    /// Any of these ids.
    #[serde(default)]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) meter_ids: Texts,
}

impl CreateMeterRequest {
    /// The meter that is asked for, or all that is wrong about it.
    pub(crate) fn into_meter(self, id: MeterId, audit: Audit) -> Result<Meter, Invalid> {
        let mut faults = Faults::default();
        let AggregationBody { kind, field, expression, multiplier, bucket_size, group_by } = self.aggregation.unwrap_or_default();
        let kind = faults.needed_word(kind, "aggregation.type", AggregationType::TEXTS);
        let reset_usage = faults.needed_word(self.reset_usage, "reset_usage", ResetUsage::TEXTS);
        let expression = expression.filter(|text| !text.is_empty()).map(|text| Expression::compile(&text)).transpose();
        let expression = faults.take(expression.map_err(|fault| fault.with("field", "aggregation.expression")));
        let (Some(kind), Some(reset_usage), Some(expression)) = (kind, reset_usage, expression) else { return Err(faults.refusal()) };
        let (field, group_by) = (field.unwrap_or_default(), group_by.unwrap_or_default());
        let aggregation = Aggregation { kind, field, expression, multiplier, bucket_size, group_by };
        let filters = self.filters.unwrap_or_default().into_iter().map(Filter::from).collect();
        let meter = Meter { id, name: self.name, event_name: self.event_name.trim().to_owned(), aggregation, filters, reset_usage, audit };
        faults.take(meter.validate());
        faults.check().map(|()| meter)
    }
}

impl From<FilterBody> for Filter {
    fn from(body: FilterBody) -> Self {
        Self { key: body.key, values: body.values.into_vec() }
    }
}

impl From<&Meter> for MeterResponse {
    fn from(meter: &Meter) -> Self {
        let Meter { audit, aggregation, .. } = meter;
        let text = |text: &str| if text.is_empty() { None } else { Some(text.to_owned()) };
        Self {
            id: meter.id.to_string(),
            name: meter.name.clone(),
            event_name: meter.event_name.clone(),
            aggregation: AggregationBody {
                kind: Some(aggregation.kind),
                field: text(&aggregation.field),
                expression: aggregation.expression.as_ref().map(|expression| expression.text().to_owned()),
                multiplier: aggregation.multiplier.clone(),
                bucket_size: aggregation.bucket_size,
                group_by: text(&aggregation.group_by),
            },
            filters: meter
                .filters
                .iter()
                .map(|filter| FilterBody { key: filter.key.clone(), values: filter.values.clone().into() })
                .collect(),
            reset_usage: meter.reset_usage,
            audit: AuditBody::from(audit),
        }
    }
}
