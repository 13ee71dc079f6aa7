//! Lists: pages, order, common filters (spec 60 §4).

use crate::body::List;
use app::{Condition, Direction, ListQuery, Page, Record, Sort};
use axum::response::{IntoResponse, Response};
use domain::invalid::Invalid;
use domain::scope::{Scope, Status};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ApiState;
use crate::error::ApiResult;
use crate::filter::{Columns, FilterCondition};

const LIMIT_DEFAULT: i64 = 50;
const LIMIT_MAX: i64 = 1000;
/// Most items before a page: far beyond what a database counts off in the time of a request.
const OFFSET_MAX: i64 = 100_000_000;

/// The filters that every list has.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CommonFilter {
    /// Most items of the page: 1 to 1000; 50 without.
    pub(crate) limit: Option<i64>,
    /// Items before the page: 0 to 100000000; 0 without.
    pub(crate) offset: Option<i64>,
    /// Columns to sort by, at most 10, or the name of one; `created_at` without, newest first.
    #[serde(default)]
    pub(crate) sort: SortBy,
    /// `asc` or `desc`, for a single column; `desc` without.
    pub(crate) order: Option<String>,
    /// Row status; published without.
    pub(crate) status: Option<Status>,
    /// Conditions on columns; all must hold.
    #[serde(default)]
    #[schema(value_type = Vec<FilterCondition>, max_items = 50)]
    pub(crate) filters: List<FilterCondition, 50>,
    /// Things to embed, with commas between them.
    pub(crate) expand: Option<String>,
    /// Made at or after this instant; of invoices and subscriptions, whose period begins then.
    pub(crate) start_time: Option<Timestamp>,
    /// Made at or before this instant; of invoices and subscriptions, whose period ends by then.
    pub(crate) end_time: Option<Timestamp>,
}

/// One column of an order.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(as = types::SortCondition)]
pub(crate) struct SortCondition {
    /// The column, such as `created_at`; a refusal names those of the list.
    #[serde(default)]
    #[schema(required = true)]
    pub(crate) field: String,
    /// `asc` or `desc`, in any case; `asc` without.
    #[serde(default)]
    pub(crate) direction: String,
}

/// Most columns of an order.
const SORTS_MAX: usize = 10;

/// An order as it is sent: several columns, or the name of one.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum SortBy {
    /// Several columns.
    Columns(Vec<SortCondition>),
    /// One column; `order` says which way.
    Column(String),
}

impl Default for SortBy {
    fn default() -> Self {
        Self::Columns(Vec::new())
    }
}

/// Which statuses a list shows when none is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefaultStatus {
    /// Published rows.
    Published,
    /// Published and archived rows.
    PublishedAndArchived,
    /// Every row.
    All,
}

impl CommonFilter {
    /// Whether a condition names this column.
    pub(crate) fn names_column(&self, field: &str) -> bool {
        self.filters.iter().any(|filter| filter.field() == field)
    }

    /// The query of a list: common filters, then the entity's own conditions.
    pub(crate) fn into_query(
        self,
        columns: &Columns,
        default_status: DefaultStatus,
        own: impl IntoIterator<Item = Condition>,
    ) -> ApiResult<ListQuery> {
        let created = |time: Option<Timestamp>| time.map(|time| ("created_at", time));
        let (start, end) = (created(self.start_time), created(self.end_time));
        self.into_query_with_times(columns, default_status, own, start, end)
    }

    /// Like [`Self::into_query`], with other columns for `start_time` and `end_time`.
    pub(crate) fn into_query_with_times(
        self,
        columns: &Columns,
        default_status: DefaultStatus,
        own: impl IntoIterator<Item = Condition>,
        start: Option<(&'static str, Timestamp)>,
        end: Option<(&'static str, Timestamp)>,
    ) -> ApiResult<ListQuery> {
        let refuse = |field: &str, message: String| Invalid::field(field, message);
        let limit = match self.limit {
            None | Some(0) => LIMIT_DEFAULT,
            Some(limit) if (1..=LIMIT_MAX).contains(&limit) => limit,
            Some(limit) => {
                let refusal = refuse("limit", format!("limit must be 1 to {LIMIT_MAX}, not {limit}"));
                return Err(refusal.with("value", limit).with("limit", LIMIT_MAX).into());
            }
        };
        let offset = self.offset.unwrap_or(0);
        if !(0..=OFFSET_MAX).contains(&offset) {
            let refusal = refuse("offset", format!("offset must be 0 to {OFFSET_MAX}, not {offset}"));
            return Err(refusal.with("value", offset).with("limit", OFFSET_MAX).into());
        }
        if let (Some(start), Some(end)) = (self.start_time, self.end_time)
            && end < start
        {
            return Err(refuse("end_time", "end_time must not be before start_time".into()).with("value", end).into());
        }
        let mut conditions = match (self.status, default_status) {
            (Some(status), _) => vec![Condition::eq("status", &status)],
            (None, DefaultStatus::Published) => vec![Condition::eq("status", &Status::Published)],
            (None, DefaultStatus::PublishedAndArchived) => vec![Condition::one_of("status", &[Status::Published, Status::Archived])],
            (None, DefaultStatus::All) => Vec::new(),
        };
        conditions.extend(own);
        conditions.extend(start.map(|(column, time)| Condition::Gte(column, app::Value::Time(time))));
        conditions.extend(end.map(|(column, time)| Condition::Lte(column, app::Value::Time(time))));
        for filter in self.filters {
            conditions.extend(filter.into_condition(columns)?);
        }
        Ok(ListQuery { conditions, sort: sort_columns(self.sort, self.order.as_deref(), columns)?, limit, offset })
    }
}

fn sort_columns(sort: SortBy, order: Option<&str>, columns: &Columns) -> ApiResult<Vec<Sort>> {
    let asked = match sort {
        SortBy::Columns(asked) if asked.len() > SORTS_MAX => {
            let message = format!("sort names {} columns: at most {SORTS_MAX} are sorted by", asked.len());
            return Err(Invalid::field("sort", message).with("limit", SORTS_MAX).into());
        }
        SortBy::Columns(asked) => asked,
        SortBy::Column(field) if field.is_empty() => Vec::new(),
        SortBy::Column(field) => vec![SortCondition { field, direction: order.unwrap_or("desc").to_owned() }],
    };
    if let Some(order) = order.filter(|order| !matches!(*order, "asc" | "desc" | "")) {
        return Err(Invalid::not_one_of("order", &["asc", "desc"], order).into());
    }
    if asked.is_empty() {
        let direction = if order == Some("asc") { Direction::Ascending } else { Direction::Descending };
        return Ok(vec![Sort { column: "created_at", direction }]);
    }
    asked
        .into_iter()
        .map(|sort| {
            let column = columns.find(&sort.field)?.name;
            let direction = match sort.direction.to_ascii_lowercase().as_str() {
                "desc" => Direction::Descending,
                "asc" | "" => Direction::Ascending,
                other => return Err(Invalid::not_one_of("direction", &["asc", "desc"], other).into()),
            };
            Ok(Sort { column, direction })
        })
        .collect()
}

/// Answers a page of records that embed nothing.
pub(crate) async fn page_of<R: Record, T: for<'a> From<&'a R> + Serialize>(
    state: &ApiState,
    scope: &Scope,
    query: &ListQuery,
) -> ApiResult<Response> {
    let page = state.app.list::<R>(scope, query).await?;
    Ok(axum::Json(ListResponse::new(page, query.limit, query.offset, |record| T::from(&record))).into_response())
}

/// Where a page stands in its list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = types::PaginationResponse)]
pub(crate) struct Pagination {
    /// How many match in all.
    total: i64,
    /// Most items of a page.
    limit: i64,
    /// The offset of the next page.
    offset: i64,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListResponse<T> {
    /// The items; never null.
    pub(crate) items: Vec<T>,
    /// Where the page stands.
    pub(crate) pagination: Pagination,
}

impl<T> ListResponse<T> {
    /// A page as clients of the API know it: `offset` is that of the next page (spec 60 §4.1).
    pub(crate) fn new<R>(page: Page<R>, limit: i64, offset: i64, item: impl FnMut(R) -> T) -> Self {
        Self {
            items: page.items.into_iter().map(item).collect(),
            pagination: Pagination { total: page.total, limit, offset: offset + limit },
        }
    }
}
