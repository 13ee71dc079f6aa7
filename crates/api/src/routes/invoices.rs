//! Invoices.

use std::collections::HashMap;

use app::invoice::Preview;
use app::{Cell as _, Condition, Error, Page, Value};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::customer::Customer;
use domain::invoice::{Invoice, InvoiceLineItem, InvoiceStatus};
use domain::scope::Scope;
use domain::subscription::Subscription;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::commit;
use crate::error::ApiResult;
use crate::extract::{Body, Caller, Query};
use crate::filter::Columns;
use crate::list::{DefaultStatus, ListResponse};
use crate::routes::expand::{Allowed, Expand};
use crate::wire::SuccessResponse;
use crate::wire::customers::CustomerResponse;
use crate::wire::embedding::{InvoiceResponse, SubscriptionResponse};
use crate::wire::invoices::{InvoiceExplanation, InvoiceFilter, PreviewInvoiceRequest};

const COLUMNS: Columns = Columns::of::<Invoice>(&[
    "customer_id",
    "subscription_customer_id",
    "subscription_id",
    "invoice_type",
    "invoice_status",
    "payment_status",
    "billing_reason",
    "currency",
    "invoice_number",
    "billing_sequence",
    "billing_period",
    "period_start",
    "period_end",
    "due_date",
    "issue_date",
    "finalized_at",
    "voided_at",
    "paid_at",
    "subtotal",
    "total",
    "amount_due",
    "amount_paid",
    "amount_remaining",
    "idempotency_key",
    "version",
]);

/// Coupons and taxes are not built yet: they may be asked for, and none is embedded.
const EXPAND: Allowed =
    &[("subscription", &["plan"]), ("customer", &[]), ("coupon_applications", &["coupon"]), ("tax_applied", &["tax_rate"])];

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_invoices))
        .routes(routes!(query_invoice))
        .routes(routes!(preview_invoice))
        .routes(routes!(get_invoice))
        .routes(routes!(explain_invoice))
        .routes(routes!(compute_invoice))
        .routes(routes!(finalize_invoice))
}

/// Lists invoices
#[utoipa::path(get, path = "/v1/invoices", operation_id = "listInvoices", tag = "Invoices",
    params(Query<InvoiceFilter>), responses((status = 200, body = ListResponse<InvoiceResponse>)))]
async fn list_invoices(state: State<ApiState>, caller: Caller, Query(filter): Query<InvoiceFilter>) -> ApiResult<Response> {
    search(state, caller, filter).await
}

/// Searches invoices
#[utoipa::path(post, path = "/v1/invoices/search", operation_id = "queryInvoice", tag = "Invoices", request_body = InvoiceFilter,
    responses((status = 200, body = ListResponse<InvoiceResponse>)))]
async fn query_invoice(state: State<ApiState>, caller: Caller, Body(filter): Body<InvoiceFilter>) -> ApiResult<Response> {
    search(state, caller, filter).await
}

async fn search(State(state): State<ApiState>, Caller(context): Caller, mut filter: InvoiceFilter) -> ApiResult<Response> {
    let scope = &context.scope;
    let expand = Expand::parse(filter.common.expand.as_deref(), EXPAND)?;
    let own = conditions(&state, scope, &mut filter).await?;
    let skip_lines = filter.skip_line_items == Some(true);
    let start = filter.common.start_time.map(|at| ("period_start", at));
    let end = filter.common.end_time.map(|at| ("period_end", at));
    let query = filter.common.into_query_with_times(&COLUMNS, DefaultStatus::Published, own, start, end)?;
    let Page { items, total } = state.app.list::<Invoice>(scope, &query).await?;
    let items = embed(&state, scope, &items, !skip_lines, expand.has("subscription")).await?;
    Ok(axum::Json(ListResponse::new(Page { items, total }, query.limit, query.offset, |invoice| invoice)).into_response())
}

async fn conditions(state: &ApiState, scope: &Scope, filter: &mut InvoiceFilter) -> ApiResult<Vec<Condition>> {
    let mut own = Vec::new();
    if let Some(external_id) = filter.external_customer_id.as_deref().filter(|id| !id.is_empty()) {
        let customer = state.app.customer_by_external_id(scope, external_id).await?;
        own.push(Condition::eq("customer_id", &customer.id));
    }
    for (column, values) in [("id", &filter.invoice_ids), ("subscription_customer_id", &filter.subscription_customer_id)] {
        if !values.is_empty() {
            own.push(Condition::one_of(column, values));
        }
    }
    for (column, value) in
        [("customer_id", &filter.customer_id), ("subscription_id", &filter.subscription_id), ("currency", &filter.currency)]
    {
        own.extend(value.as_ref().filter(|value| !value.is_empty()).map(|value| Condition::eq(column, value)));
    }
    own.extend(filter.invoice_type.map(|kind| Condition::eq("invoice_type", &kind)));
    own.extend(filter.billing_reason.map(|reason| Condition::eq("billing_reason", &reason)));
    match &filter.invoice_status {
        Some(statuses) if !statuses.is_empty() => own.push(Condition::one_of("invoice_status", statuses)),
        _ if filter.common.names_column("invoice_status") => {}
        _ => own.push(Condition::NotEq("invoice_status", InvoiceStatus::Skipped.to_value())),
    }
    if let Some(statuses) = filter.payment_status.as_ref().filter(|statuses| !statuses.is_empty()) {
        own.push(Condition::one_of("payment_status", statuses));
    }
    own.extend(filter.amount_due_gt.take().map(|amount| Condition::Gt("amount_due", amount.to_value())));
    own.extend(filter.amount_remaining_gt.take().map(|amount| Condition::Gt("amount_remaining", amount.to_value())));
    own.extend(filter.finalized_at_gte.map(|at| Condition::Gte("finalized_at", Value::Time(at))));
    own.extend(filter.voided_at_gte.map(|at| Condition::Gte("voided_at", Value::Time(at))));
    own.extend(filter.period_start_gte.map(|at| Condition::Gte("period_start", Value::Time(at))));
    own.extend(filter.period_start_lte.map(|at| Condition::Lte("period_start", Value::Time(at))));
    own.extend(filter.period_end_gte.map(|at| Condition::Gte("period_end", Value::Time(at))));
    own.extend(filter.period_end_lte.map(|at| Condition::Lte("period_end", Value::Time(at))));
    Ok(own)
}

/// Invoices with customer, and lines and subscription where they are wanted: one query per kind of thing.
async fn embed(state: &ApiState, scope: &Scope, invoices: &[Invoice], lines: bool, subscriptions: bool) -> ApiResult<Vec<InvoiceResponse>> {
    let app = &state.app;
    let customers: HashMap<String, Customer> = app.get_many(scope, invoices.iter().map(|invoice| invoice.customer_id.to_string())).await?;
    let subscription_ids =
        invoices.iter().filter(|_| subscriptions).filter_map(|invoice| Some(invoice.subscription_id.as_ref()?.to_string()));
    let subscriptions: HashMap<String, Subscription> = app.get_many(scope, subscription_ids).await?;
    let mut by_invoice: HashMap<String, Vec<InvoiceLineItem>> = HashMap::new();
    if lines {
        let ids: Vec<_> = invoices.iter().map(|invoice| invoice.id.clone()).collect();
        for line in app.lines_of_invoices(scope, &ids).await? {
            by_invoice.entry(line.invoice_id.to_string()).or_default().push(line);
        }
    }
    let response = |invoice: &Invoice| {
        let lines = lines.then(|| by_invoice.remove(invoice.id.as_str()).unwrap_or_default());
        let mut response = InvoiceResponse::new(invoice, lines.as_deref());
        response.customer = customers.get(invoice.customer_id.as_str()).map(CustomerResponse::from);
        response.subscription =
            invoice.subscription_id.as_ref().and_then(|id| subscriptions.get(id.as_str())).map(SubscriptionResponse::from).map(Box::new);
        response
    };
    Ok(invoices.iter().map(response).collect())
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct GetInvoiceQuery {
    /// Checked and without effect: customer, subscription and lines are always embedded.
    expand: Option<String>,
    /// Not built yet.
    group_by: Option<String>,
    /// Not built yet.
    expand_by_source: Option<bool>,
}

/// Reads an invoice with customer, subscription and lines
#[utoipa::path(get, path = "/v1/invoices/{id}", operation_id = "getInvoice", tag = "Invoices",
    params(Query<GetInvoiceQuery>), responses((status = 200, body = InvoiceResponse)))]
async fn get_invoice(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Query(query): Query<GetInvoiceQuery>,
) -> ApiResult<Response> {
    Error::refuse_unbuilt([
        ("group_by", query.group_by.is_some_and(|columns| !columns.is_empty())),
        ("expand_by_source", query.expand_by_source == Some(true)),
    ])?;
    Expand::parse(query.expand.as_deref(), EXPAND)?;
    let invoice: Invoice = state.app.require(&context.scope, &id).await?;
    Ok(axum::Json(embed(&state, &context.scope, &[invoice], true, true).await?.pop()).into_response())
}

/// Explains an invoice: each line back to price version, steps, rounding and events counted
#[utoipa::path(get, path = "/v1/invoices/{id}/explanation", operation_id = "explainInvoice", tag = "Invoices",
    responses((status = 200, body = InvoiceExplanation)))]
async fn explain_invoice(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let (invoice, lines) = state.app.invoice(&context.scope, &id).await?;
    Ok(axum::Json(InvoiceExplanation::new(&invoice, &lines)).into_response())
}

/// Previews the invoice of a subscription's period; stores nothing
#[utoipa::path(post, path = "/v1/invoices/preview", operation_id = "getInvoicePreview", tag = "Invoices", request_body = PreviewInvoiceRequest,
    responses((status = 200, body = InvoiceResponse)))]
async fn preview_invoice(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<PreviewInvoiceRequest>,
) -> ApiResult<Response> {
    let preview = Preview {
        subscription_id: request.subscription_id,
        period_start: request.period_start,
        period_end: request.period_end,
        hide_zero_lines: request.hide_zero_charges_line_items == Some(true),
    };
    let (invoice, lines) = state.app.preview_invoice(&context, &preview).await?;
    Ok(axum::Json(InvoiceResponse::new(&invoice, Some(&lines))).into_response())
}

/// Computes a draft's lines from usage
#[utoipa::path(post, path = "/v1/invoices/{id}/compute", operation_id = "computeInvoice", tag = "Invoices",
    responses((status = 200, body = InvoiceResponse)))]
async fn compute_invoice(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let pending = state.app.compute_invoice(&context, &id).await?;
    commit(&context, StatusCode::OK, pending, |(invoice, lines)| InvoiceResponse::new(invoice, Some(lines))).await
}

/// Makes a computed draft final
#[utoipa::path(post, path = "/v1/invoices/{id}/finalize", operation_id = "finalizeInvoice", tag = "Invoices",
    responses((status = 200, body = SuccessResponse)))]
async fn finalize_invoice(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let pending = state.app.finalize_invoice(&context, &id).await?;
    commit(&context, StatusCode::OK, pending, |_| SuccessResponse::new("invoice finalized successfully")).await
}
