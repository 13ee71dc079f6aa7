//! Which web pages may read answers: those of the origins that the deployment names, and none without (ADR 0014).

use std::time::Duration;

use http::{HeaderValue, Method};
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};

/// The origins whose pages may call the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// No page, except those that this server serves itself.
    #[default]
    None,
    /// Every page: what it may do still hangs on the key that it knows.
    Any,
    /// Pages of these origins, each `scheme://host[:port]`.
    These(Vec<HeaderValue>),
}

/// How long a browser may remember what it was allowed (spec 60 §2).
const REMEMBERED: Duration = Duration::from_secs(86_400);

impl Origins {
    /// What adds the headers, when any page may call.
    pub(crate) fn layer(&self) -> Option<CorsLayer> {
        let allowed = match self {
            Self::None => return None,
            Self::Any => AllowOrigin::from(Any),
            Self::These(origins) => AllowOrigin::list(origins.iter().cloned()),
        };
        let layer = CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS])
            // `*` would leave out Authorization.
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(Any)
            .max_age(REMEMBERED);
        Some(layer)
    }
}
