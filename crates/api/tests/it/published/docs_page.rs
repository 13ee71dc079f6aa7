//! The page of the API: whole in the binary, and bound to this server.

use testkit::TestApp;

#[tokio::test]
async fn the_page_is_served_without_a_key_and_asks_this_server_alone() {
    let app = TestApp::start().await;
    let client = app.client().without("x-api-key");
    let moved = client.get("/docs").await;
    assert_eq!((moved.status, moved.header("location")), (303, "/docs/"));
    for (path, kind) in [
        ("/docs/", "text/html"),
        ("/docs/swagger-ui.css", "text/css"),
        ("/docs/swagger-ui-bundle.js", "text/javascript"),
        ("/docs/swagger-ui-standalone-preset.js", "text/javascript"),
        ("/docs/swagger-initializer.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = client.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, kind), "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("http"), "{path}: {policy}");
    }
    assert_eq!(client.get("/docs/nothing-here.js").await.status, 404);
}

/// Ours, in place of the library's: it searches operations, and names no server that checks documents.
#[tokio::test]
async fn the_page_reads_the_served_document() {
    let app = TestApp::start().await;
    let script = app.client().without("x-api-key").get("/docs/swagger-initializer.js").await.expect(200);
    let script = script.as_str().expect("a script");
    for part in ["url: \"/openapi.json\"", "validatorUrl: null", "opsFilter: search", "tryItOutEnabled: true"] {
        assert!(script.contains(part), "`{part}` is missing from {script}");
    }
}
