//! `/docs`: the API as a page to read, search and try, made by Swagger UI from the OpenAPI document. All of it is in the binary;
//! nothing comes from elsewhere.

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderValue, header};
use utoipa_swagger_ui::SwaggerUi;

/// Our own start of the page, in place of the one that the library makes.
const INITIALIZER: &str = include_str!("docs_page.js");

/// The page asks this server alone. It writes styles into its elements, and its icons are `data:` addresses.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The page and its files.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let initializer = get(async || ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], INITIALIZER));
    Router::from(SwaggerUi::new("/docs")).route("/docs/swagger-initializer.js", initializer).layer(map_response(with_policy))
}

async fn with_policy(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}
