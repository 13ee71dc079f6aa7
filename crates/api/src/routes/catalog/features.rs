//! Features.

use std::collections::HashMap;

use app::Page;
use app::catalog::NewFeature;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use domain::catalog::{AlertSettings, Feature, FeatureType, Group};
use domain::ids::{FeatureId, MeterId};
use domain::invalid::Faults;
use domain::meter::{Filter, Meter};
use domain::scope::Scope;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;
use crate::answer::commit;
use crate::body::Metadata;
use crate::error::ApiResult;
use crate::extract::{Body, Caller, Query};
use crate::filter::{Columns, any_of, contains, equals};
use crate::list::{DefaultStatus, ListResponse};
use crate::routes::expand::Expand;
use crate::wire::SuccessResponse;
use crate::wire::catalog::features::{CloneFeatureRequest, CreateFeatureRequest, FeatureFilter, FeatureResponse, UpdateFeatureRequest};
use crate::wire::catalog::groups::GroupResponse;
use crate::wire::catalog::meters::MeterResponse;

const COLUMNS: Columns =
    Columns::of::<Feature>(&["name", "lookup_key", "description", "meter_id", "group_id", "unit_singular", "unit_plural"])
        .renaming(&[("type", "kind")]);

pub(in crate::routes) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create_feature, list_features))
        .routes(routes!(query_feature))
        .routes(routes!(get_feature, update_feature, delete_feature))
        .routes(routes!(clone_feature))
}

/// Makes a feature, and its meter when one is given
#[utoipa::path(post, path = "/v1/features", operation_id = "createFeature", tag = "Features", request_body = CreateFeatureRequest,
    responses((status = 201, body = FeatureResponse)))]
async fn create_feature(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Body(request): Body<CreateFeatureRequest>,
) -> ApiResult<Response> {
    let mut faults = Faults::default();
    let feature = faults.take(request.to_feature(FeatureId::new(state.app.ids()), state.app.audit(&context)));
    let wants_meter = request.kind == Some(FeatureType::Metered) && request.meter_id.as_ref().is_none_or(String::is_empty);
    let meter = request.meter.filter(|_| wants_meter).map(|meter| {
        let meter = meter.into_meter(MeterId::new(state.app.ids()), state.app.audit(&context));
        faults.take(meter.map_err(|fault| fault.within("meter")))
    });
    let (Some(feature), meter) = (feature, meter.flatten()) else { return Err(faults.refusal().into()) };
    faults.check()?;
    let pending = state.app.create_feature(&context, NewFeature { feature, meter }).await?;
    let group = group_of(&state, &context.scope, &pending.value().0).await?;
    commit(&context, StatusCode::CREATED, pending, |(feature, _)| FeatureResponse::new(feature, None, group)).await
}

/// Lists features, published and archived
#[utoipa::path(get, path = "/v1/features", operation_id = "listFeatures", tag = "Features",
    params(Query<FeatureFilter>), responses((status = 200, body = ListResponse<FeatureResponse>)))]
async fn list_features(state: State<ApiState>, caller: Caller, Query(filter): Query<FeatureFilter>) -> ApiResult<Response> {
    search(state, caller, filter).await
}

/// Searches features, published and archived
#[utoipa::path(post, path = "/v1/features/search", operation_id = "queryFeature", tag = "Features", request_body = FeatureFilter,
    responses((status = 200, body = ListResponse<FeatureResponse>)))]
async fn query_feature(state: State<ApiState>, caller: Caller, Body(filter): Body<FeatureFilter>) -> ApiResult<Response> {
    search(state, caller, filter).await
}

async fn search(State(state): State<ApiState>, Caller(context): Caller, filter: FeatureFilter) -> ApiResult<Response> {
    let scope = &context.scope;
    let expand = Expand::parse(filter.common.expand.as_deref(), &[("meters", &[])])?;
    let own = [
        any_of("id", &filter.feature_ids),
        any_of("meter_id", &filter.meter_ids),
        any_of("lookup_key", &filter.lookup_keys),
        equals("lookup_key", filter.lookup_key.as_ref()),
        contains("name", filter.name_contains),
    ];
    let query = filter.common.into_query(&COLUMNS, DefaultStatus::PublishedAndArchived, own.into_iter().flatten())?;
    let page: Page<Feature> = state.app.list(scope, &query).await?;
    let groups: HashMap<String, Group> =
        state.app.get_many(scope, page.items.iter().filter_map(|feature| Some(feature.group_id.as_ref()?.to_string()))).await?;
    let meters: HashMap<String, Meter> = if expand.has("meters") {
        state.app.get_many(scope, page.items.iter().filter_map(|feature| Some(feature.meter_id.as_ref()?.to_string()))).await?
    } else {
        HashMap::new()
    };
    let response = ListResponse::new(page, query.limit, query.offset, |feature| {
        let meter = feature.meter_id.as_ref().and_then(|id| meters.get(id.as_str())).map(MeterResponse::from);
        let group = feature.group_id.as_ref().and_then(|id| groups.get(id.as_str())).map(GroupResponse::from);
        FeatureResponse::new(&feature, meter, group)
    });
    Ok(axum::Json(response).into_response())
}

/// Reads a feature with its meter and group
#[utoipa::path(get, path = "/v1/features/{id}", operation_id = "getFeature", tag = "Features", responses((status = 200, body = FeatureResponse)))]
async fn get_feature(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let feature: Feature = state.app.require(&context.scope, &id).await?;
    let meter = match &feature.meter_id {
        Some(id) => Some(MeterResponse::from(&state.app.require::<Meter>(&context.scope, id.as_str()).await?)),
        None => None,
    };
    let group = group_of(&state, &context.scope, &feature).await?;
    Ok(axum::Json(FeatureResponse::new(&feature, meter, group)).into_response())
}

async fn group_of(state: &ApiState, scope: &Scope, feature: &Feature) -> ApiResult<Option<GroupResponse>> {
    Ok(match &feature.group_id {
        Some(id) => Some(GroupResponse::from(&state.app.require::<Group>(scope, id.as_str()).await?)),
        None => None,
    })
}

/// Changes a feature; filters are added to its meter's
#[utoipa::path(put, path = "/v1/features/{id}", operation_id = "updateFeature", tag = "Features", request_body = UpdateFeatureRequest,
    responses((status = 200, body = FeatureResponse)))]
async fn update_feature(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(mut request): Body<UpdateFeatureRequest>,
) -> ApiResult<Response> {
    let filters = request.filters.take().map(|filters| filters.into_iter().map(Filter::from).collect());
    let alerts = request.alert_settings.take().map(AlertSettings::try_from).transpose()?;
    let pending = state.app.update_feature(&context, &id, filters, |feature| request.apply(alerts, feature)).await?;
    let group = match &pending.value().group_id {
        Some(id) => Some(GroupResponse::from(&state.app.require::<Group>(&context.scope, id.as_str()).await?)),
        None => None,
    };
    commit(&context, StatusCode::OK, pending, |feature| FeatureResponse::new(feature, None, group)).await
}

/// Archives a feature
#[utoipa::path(delete, path = "/v1/features/{id}", operation_id = "deleteFeature", tag = "Features", responses((status = 200, body = SuccessResponse)))]
async fn delete_feature(State(state): State<ApiState>, Caller(context): Caller, Path(id): Path<String>) -> ApiResult<Response> {
    let pending = state.app.delete_feature(&context, &id).await?;
    commit(&context, StatusCode::OK, pending, |()| SuccessResponse::new("feature deleted successfully")).await
}

/// Copies a feature, with its meter
#[utoipa::path(post, path = "/v1/features/{id}/clone", operation_id = "cloneFeature", tag = "Features", request_body = CloneFeatureRequest,
    responses((status = 201, body = FeatureResponse)))]
async fn clone_feature(
    State(state): State<ApiState>,
    Caller(context): Caller,
    Path(id): Path<String>,
    Body(request): Body<CloneFeatureRequest>,
) -> ApiResult<Response> {
    let apply = |feature: &mut Feature| {
        feature.name = request.name;
        feature.lookup_key = request.lookup_key;
        if let Some(description) = request.description {
            feature.description = description;
        }
        feature.metadata.extend(request.metadata.map(Metadata::into_inner).unwrap_or_default());
    };
    let pending = state.app.clone_feature(&context, &id, apply).await?;
    commit(&context, StatusCode::CREATED, pending, |(feature, meter)| {
        FeatureResponse::new(feature, meter.as_ref().map(MeterResponse::from), None)
    })
    .await
}
