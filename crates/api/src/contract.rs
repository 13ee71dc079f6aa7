//! The operations of the published API, the routes that clients call beyond them, and which of them are built. What is not built
//! answers 501, never an empty success.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use app::Error;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{HeaderMap, Method, StatusCode, Uri, header};

use crate::ApiState;
use crate::error::ApiError;
use crate::middleware;

/// One operation of the published API, or a route beyond them.
struct Operation {
    group: &'static str,
    method: &'static str,
    /// As it is served, from `/v1` on.
    path: String,
    /// Routes beyond the published API have none.
    id: &'static str,
}

impl Operation {
    /// Whether callers without a key use it: who signs in, and providers that sign what they send (spec 60 §2.3).
    fn is_public(&self) -> bool {
        self.path.starts_with("/v1/auth/") || self.path.ends_with("/{tenant_id}/{environment_id}")
    }
}

/// Method, path and operation id of all operations, grouped.
const OPERATIONS: &str = include_str!("../contract/operations.txt");
/// Method and path of what the command line, the dashboard and providers call beyond them.
const ROUTES: &str = include_str!("../contract/routes.txt");

/// What is answered, if only by 501.
static KNOWN: LazyLock<Vec<Operation>> = LazyLock::new(|| operations().into_iter().chain(routes()).collect());

fn operations() -> Vec<Operation> {
    let mut group = "";
    let mut operations = Vec::new();
    for line in OPERATIONS.lines() {
        if let Some(heading) = line.strip_prefix("# ") {
            group = heading.rsplit_once(" (").map_or(heading, |(name, _)| name);
            continue;
        }
        let mut words = line.split_whitespace();
        let (Some(method), Some(path)) = (words.next(), words.next()) else { continue };
        // Some paths of the document carry a second /v1 by mistake.
        let path = format!("/v1{}", path.strip_prefix("/v1").unwrap_or(path));
        operations.push(Operation { group, method, path, id: words.next().unwrap_or("") });
    }
    operations
}

fn routes() -> impl Iterator<Item = Operation> {
    let lines = ROUTES.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).map(|(method, path)| Operation {
        group: "Beyond the published API",
        method,
        path: path.to_owned(),
        id: "",
    })
}

/// Every operation that is routed: its method, and its path as the router matches it.
pub(crate) fn routed() -> Vec<(Method, String)> {
    let document = crate::openapi::document();
    let mut routed = Vec::new();
    for (path, item) in &document.paths.paths {
        for (method, operation) in [
            (Method::GET, &item.get),
            (Method::POST, &item.post),
            (Method::PUT, &item.put),
            (Method::DELETE, &item.delete),
            (Method::PATCH, &item.patch),
        ] {
            if operation.is_some() {
                routed.push((method, path.clone()));
            }
        }
    }
    routed
}

/// Every route that is built, as `METHOD /path` with parameters written `{}`.
fn built() -> BTreeSet<String> {
    let documented = routed().into_iter().map(|(method, path)| route(method.as_str(), &path));
    // The document has no word for an id of several segments (`routes::events::lookup`).
    documented.chain([route("GET", "/v1/events/{id}")]).collect()
}

fn route(method: &str, path: &str) -> String {
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    format!("{method} {}", segments.collect::<Vec<_>>().join("/"))
}

/// Routes of unbuilt operations that a built route with a parameter would take otherwise: `customers/usage` is no customer.
pub(crate) fn unbuilt_routes() -> Router<ApiState> {
    let built: BTreeSet<String> = built().into_iter().filter_map(|route| Some(route.split_once(' ')?.1.to_owned())).collect();
    let paths: BTreeSet<&str> = KNOWN.iter().map(|operation| operation.path.as_str()).collect();
    let unbuilt = paths.into_iter().filter(|path| !path.contains('{') && !built.contains(*path));
    unbuilt.fold(Router::new(), |router, path| router.route(path, any(not_built)))
}

/// Answers what no route took: 501 for an operation or route that is known and not built, 404 for anything else.
pub(crate) async fn not_built(State(state): State<ApiState>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let path = path.strip_prefix("/v1/v1/").map_or_else(|| path.to_owned(), |rest| format!("/v1/{rest}"));
    let Some(operation) = KNOWN.iter().find(|operation| operation.method == method.as_str() && matches(&operation.path, &path)) else {
        return (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "404 page not found").into_response();
    };
    if !operation.is_public()
        && let Err(refusal) = middleware::caller_of(&state, &headers).await
    {
        return refusal;
    }
    let name = format!("{} {}", operation.method, operation.path);
    ApiError(Error::not_implemented(format!("{name} is part of the API but not built yet"))).into_response()
}

fn matches(template: &str, path: &str) -> bool {
    let mut template = template.split('/');
    let mut path = path.split('/');
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == found || (wanted.starts_with('{') && !found.is_empty()) => {}
            _ => return false,
        }
    }
}

/// The table of docs/coverage.md: every operation of the published API and route beyond it, and whether it works.
pub fn coverage_page() -> String {
    let built = built();
    let works = |operation: &Operation| built.contains(&route(operation.method, &operation.path));
    let (operations, routes): (Vec<_>, Vec<_>) = (operations(), routes().collect());
    let working = |of_kind: &[Operation]| of_kind.iter().filter(|operation| works(operation)).count();
    let mut page = format!(
        "# Coverage of the published API\n\nGenerated by `make docs` from the routes themselves; a test keeps it true. {} of {} \
         operations work, and {} of {} routes that clients call beyond them; the others answer 501 `not_implemented`.\n",
        working(&operations),
        operations.len(),
        working(&routes),
        routes.len()
    );
    let mut group = "";
    for operation in operations.iter().chain(&routes) {
        if operation.group != group {
            group = operation.group;
            // Writing to a String cannot fail.
            let _ = write!(page, "\n## {group}\n\n| operation | id | works |\n| --- | --- | --- |\n");
        }
        let works = if works(operation) { "yes" } else { "no" };
        let _ = writeln!(page, "| `{} {}` | {} | {works} |", operation.method, operation.path, operation.id);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_match_by_segment() {
        assert!(matches("/v1/plans/{id}/clone", "/v1/plans/plan_1/clone"));
        assert!(!matches("/v1/plans/{id}/clone", "/v1/plans/plan_1"));
        assert!(!matches("/v1/plans/{id}", "/v1/plans/"));
    }

    #[test]
    fn every_operation_and_route_of_the_contract_is_known() {
        assert_eq!((operations().len(), routes().count()), (303, 105));
    }
}
