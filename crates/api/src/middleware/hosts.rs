//! By which names a server is called that only this machine can reach. A web page of elsewhere whose name was made to point here (DNS
//! rebinding) counts as a page of this server to a browser; its requests bear that name in `Host`.

use std::net::IpAddr;
use std::sync::Arc;

use app::Error;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header;
use http::uri::Authority;

use crate::error::ApiError;

/// By which names the server may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hosts {
    /// By every name: other machines reach it, by whatever they call it.
    #[default]
    Any,
    /// By the names and addresses of loopback, and by these.
    LoopbackAnd(Vec<String>),
}

/// Refuses a request that calls the server by a name that is not its own. One without a name comes from no browser.
pub(crate) async fn check_host(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    let Hosts::LoopbackAnd(more) = &*hosts else { return next.run(request).await };
    let by_header = request.headers().get(header::HOST).map(|host| host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()));
    let by_line = request.uri().authority().cloned().map(Some);
    let foreign = [by_header, by_line].into_iter().flatten().find(|host| match host {
        Some(host) => !is_own(host.host(), more),
        None => true,
    });
    match foreign {
        None => next.run(request).await,
        Some(host) => {
            let host = host.map_or_else(|| "unreadable".to_owned(), |host| format!("`{}`", host.host()));
            let reason = format!(
                "this server is for its own machine, and the host of the request is {host}: call it localhost or 127.0.0.1, or name the \
                 host in server.allowed_hosts"
            );
            ApiError(Error::PermissionDenied(reason)).into_response()
        }
    }
}

fn is_own(host: &str, more: &[String]) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let named = |name: &str| name.eq_ignore_ascii_case(host);
    address.is_ok_and(|address| address.is_loopback()) || named("localhost") || more.iter().any(|name| named(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_loopback_are_its_own() {
        let more = ["billing.example".to_owned()];
        for own in ["localhost", "LocalHost", "127.0.0.1", "127.8.8.8", "[::1]", "billing.example", "Billing.Example"] {
            assert!(is_own(own, &more), "{own}");
        }
        for foreign in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", "10.0.0.1", "[::]", ""] {
            assert!(!is_own(foreign, &more), "{foreign}");
        }
    }
}
