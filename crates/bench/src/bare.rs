//! The baseline: the same HTTP library with the same settings, bodies read in full, nothing done.

use std::io::Write;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use bytes::Bytes;
use tokio::net::TcpListener;

/// As long as a customer of the real server.
const CUSTOMER: &str = concat!(
    r#"{"id":"cust_01JZ0000000000000000000000","external_id":"customer-0000","name":"Customer 0","email":"","address_line1":"","#,
    r#""address_line2":"","address_city":"","address_state":"","address_postal_code":"","address_country":"","timezone":"UTC","#,
    r#""metadata":{},"tenant_id":"00000000-0000-0000-0000-000000000000","environment_id":"00000000-0000-0000-0000-000000000000","#,
    r#""status":"published","created_at":"2026-06-01T00:00:00Z","updated_at":"2026-06-01T00:00:00Z","created_by":"","updated_by":""}"#
);

/// Serves until the process is ended.
pub(crate) fn serve() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
        let listener = listener.tap_io(|stream| {
            // Without it answers may be held back; then the figures say so.
            let _as_it_is = stream.set_nodelay(true);
        });
        let json = [(header::CONTENT_TYPE, "application/json")];
        let router = Router::new()
            .route(
                "/v1/events/bulk",
                post(move |_body: Bytes| async move { (StatusCode::ACCEPTED, json.clone(), r#"{"message":"accepted"}"#) }),
            )
            .route("/v1/customers/{id}", get(|| async { ([(header::CONTENT_TYPE, "application/json")], CUSTOMER) }))
            .layer(DefaultBodyLimit::max(32 << 20));
        Ok(axum::serve(listener, router).await?)
    })
}
