//! Cost sheets on the wire.

use crate::body::Metadata;
use crate::body::Texts;
use std::collections::BTreeMap;

use app::Error;
use domain::cost::Costsheet;
use domain::ids::CostsheetId;
use domain::scope::{Audit, Status};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::list::{CommonFilter, SortBy};
use crate::wire::AuditBody;
use crate::wire::catalog::prices::PriceResponse;

/// A cost sheet to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CreateCostsheetRequest {
    /// 1 to 255 characters; unique.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) name: String,
    /// The caller's name; up to 255 characters, unique, may be empty.
    #[serde(default)]
    pub(crate) lookup_key: String,
    /// Free text.
    #[serde(default)]
    pub(crate) description: String,
    /// Free pairs, at most 100.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

/// Changes of a cost sheet: only what is given and not empty.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct UpdateCostsheetRequest {
    /// 1 to 255 characters, unique; kept without.
    pub(crate) name: Option<String>,
    /// Up to 255 characters, unique; kept without.
    pub(crate) lookup_key: Option<String>,
    /// Free text; kept without.
    pub(crate) description: Option<String>,
    /// Replaces all pairs.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub(crate) metadata: Option<Metadata>,
}

/// A cost sheet.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CostsheetResponse {
    /// `cost_` and a ULID.
    pub(crate) id: String,
    /// 1 to 255 characters; unique.
    pub(crate) name: String,
    /// The caller's name; empty when unused.
    pub(crate) lookup_key: String,
    /// Free text; empty when unused.
    pub(crate) description: String,
    /// Free pairs.
    pub(crate) metadata: BTreeMap<String, String>,
    /// Where they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prices: Option<Vec<PriceResponse>>,
    /// Status, scope, dates.
    #[serde(flatten)]
    pub(crate) audit: AuditBody,
}

/// A cost sheet that was made or changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CostsheetEnvelope {
    /// As it is after the change.
    pub(crate) costsheet: CostsheetResponse,
}

/// A cost sheet that was read: the published contract has it inside an envelope, the established service sends it bare, so it is both.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GetCostsheetResponse {
    /// The cost sheet; its members stand beside it, too.
    pub(crate) costsheet: CostsheetResponse,
    /// Its members, bare.
    #[serde(flatten)]
    pub(crate) bare: CostsheetResponse,
}

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeleteCostsheetResponse {
    /// For people: that it was removed.
    pub(crate) message: String,
    /// Which cost sheet it was.
    pub(crate) id: String,
}

/// Which cost sheets. The contract nests the common filters; they may stand beside them, too.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = costsheet::Filter)]
pub(crate) struct CostsheetFilter {
    #[serde(flatten)]
    pub(crate) common: CommonFilter,
    /// Any of these ids.
    #[serde(default, rename = "costsheetIDs")]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) costsheet_ids: Texts,
    /// The same, spelled as elsewhere.
    #[serde(default, rename = "costsheet_ids")]
    #[schema(value_type = Vec<String>, max_items = 10000)]
    pub(crate) more_costsheet_ids: Texts,
    /// Exactly.
    pub(crate) name: Option<String>,
    /// Exactly.
    #[serde(rename = "lookupKey")]
    pub(crate) lookup_key: Option<String>,
    /// The same, spelled as elsewhere.
    #[serde(rename = "lookup_key")]
    pub(crate) plain_lookup_key: Option<String>,
    /// Not built yet: the key and `X-Environment-ID` choose.
    #[serde(rename = "environmentID")]
    pub(crate) environment_id: Option<String>,
    /// Not built yet: the key chooses.
    #[serde(rename = "tenantID")]
    pub(crate) tenant_id: Option<String>,
    /// The common filters.
    #[serde(rename = "queryFilter")]
    pub(crate) query_filter: Option<QueryFilterBody>,
    /// When they were made.
    #[serde(rename = "timeRangeFilter")]
    pub(crate) time_range_filter: Option<TimeRangeBody>,
}

/// Common filters in a body of their own.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = types::QueryFilter)]
pub(crate) struct QueryFilterBody {
    /// Most items of the page: 1 to 1000; 50 without.
    pub(crate) limit: Option<i64>,
    /// Items before the page; 0 without.
    pub(crate) offset: Option<i64>,
    /// The column to sort by.
    pub(crate) sort: Option<String>,
    /// `asc` or `desc`.
    pub(crate) order: Option<String>,
    /// Row status; published without.
    pub(crate) status: Option<Status>,
    /// Things to embed, comma-separated.
    pub(crate) expand: Option<String>,
}

/// From when to when.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = types::TimeRangeFilter)]
pub(crate) struct TimeRangeBody {
    /// At or after.
    pub(crate) start_time: Option<Timestamp>,
    /// At or before.
    pub(crate) end_time: Option<Timestamp>,
}

impl CreateCostsheetRequest {
    /// The cost sheet that is asked for.
    pub(crate) fn into_costsheet(self, id: CostsheetId, audit: Audit) -> Costsheet {
        let Self { name, lookup_key, description, metadata } = self;
        Costsheet { id, name, lookup_key, description, metadata: metadata.map(Metadata::into_inner).unwrap_or_default(), audit }
    }
}

impl UpdateCostsheetRequest {
    /// Applies what is given and not empty.
    pub(crate) fn apply(self, sheet: &mut Costsheet) {
        for (given, field) in
            [(self.name, &mut sheet.name), (self.lookup_key, &mut sheet.lookup_key), (self.description, &mut sheet.description)]
        {
            if let Some(given) = given.filter(|given| !given.is_empty()) {
                *field = given;
            }
        }
        if let Some(metadata) = self.metadata {
            sheet.metadata = metadata.into_inner();
        }
    }
}

impl CostsheetFilter {
    /// The common filters, wherever they stand; names that are spelled in two ways become one.
    pub(crate) fn common(&mut self) -> Result<CommonFilter, Error> {
        let text = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        Error::refuse_unbuilt([("environmentID", text(&self.environment_id)), ("tenantID", text(&self.tenant_id))])?;
        self.costsheet_ids.append(&mut self.more_costsheet_ids);
        self.lookup_key = self.lookup_key.take().or(self.plain_lookup_key.take());
        let mut common = std::mem::take(&mut self.common);
        if let Some(nested) = self.query_filter.take() {
            common.limit = common.limit.or(nested.limit);
            common.offset = common.offset.or(nested.offset);
            common.status = common.status.or(nested.status);
            common.expand = common.expand.or(nested.expand);
            common.order = common.order.or(nested.order);
            if let (SortBy::Columns(columns), Some(column)) = (&common.sort, nested.sort)
                && columns.is_empty()
            {
                common.sort = SortBy::Column(column);
            }
        }
        if let Some(nested) = self.time_range_filter.take() {
            common.start_time = common.start_time.or(nested.start_time);
            common.end_time = common.end_time.or(nested.end_time);
        }
        Ok(common)
    }
}

impl CostsheetResponse {
    /// A cost sheet with its prices, where they are asked for.
    pub(crate) fn new(sheet: &Costsheet, prices: Option<Vec<PriceResponse>>) -> Self {
        let Costsheet { id, name, lookup_key, description, metadata, audit } = sheet;
        Self {
            id: id.to_string(),
            name: name.clone(),
            lookup_key: lookup_key.clone(),
            description: description.clone(),
            metadata: metadata.clone(),
            prices,
            audit: AuditBody::from(audit),
        }
    }
}
