//! Every operation of the published API is there: built, or 501. docs/coverage.md says which.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;
use testkit::TestApp;

/// Method and path of every operation of the contract, as they are served: some paths carry a second /v1 by mistake.
fn operations() -> Vec<(Method, String)> {
    let lines = include_str!("../../../contract/operations.txt").lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let (method, path) = (words.next().unwrap(), words.next().unwrap());
            let path = format!("/v1{}", path.strip_prefix("/v1").unwrap_or(path));
            (Method::from_bytes(method.as_bytes()).unwrap(), path)
        })
        .collect()
}

/// What the page says of an operation.
fn is_built(page: &str, method: &Method, template: &str) -> bool {
    let row = page.lines().find(|row| row.starts_with(&format!("| `{method} {template}` |")));
    row.unwrap_or_else(|| panic!("docs/coverage.md has no {method} {template}")).ends_with("| yes |")
}

#[tokio::test]
async fn every_operation_of_the_contract_is_routed() {
    let app = TestApp::start().await;
    let (client, stranger) = (app.client(), app.client_with("sk_wrong"));
    let page = api::coverage_page();
    let mut wrong = Vec::new();
    let operations = operations();
    assert_eq!(operations.len(), 303);
    for (method, template) in operations {
        let built = is_built(&page, &method, &template);
        let filled: Vec<_> = template.split('/').map(|segment| if segment.starts_with('{') { "some_id" } else { segment }).collect();
        let path = filled.join("/");
        let answer = client.send(method.clone(), &path, "{}").await;
        let as_the_page_says = match answer.status {
            501 => !built && answer.body["code"] == "not_implemented",
            // The envelope says that the thing is not there; without it, the route is not.
            404 => built && answer.body["code"] == "not_found",
            405 | 500.. => false,
            _ => built,
        };
        if !as_the_page_says {
            wrong.push(format!("{template}, {}: {answer}", if built { "built" } else { "not built" }));
        }
        let refused = stranger.send(method, &path, "{}").await;
        assert_eq!(refused.status, 401, "without a key: {refused}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_of_coverage_is_current() {
    let committed = include_str!("../../../../../docs/coverage.md");
    assert!(committed == api::coverage_page(), "docs/coverage.md is out of date; write it anew with `make docs`");
}

/// Operation ids are part of the contract: SDKs are generated from them.
#[test]
fn built_operations_keep_the_contract_s_ids() {
    let known: BTreeSet<&str> =
        include_str!("../../../contract/operations.txt").lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    let excerpt: Value = serde_json::from_str(include_str!("../../../contract/fields.json")).unwrap();
    let built: BTreeSet<&str> = excerpt["operations"].as_object().unwrap().keys().map(String::as_str).collect();
    assert!(built.is_subset(&known), "{:?}", built.difference(&known).collect::<Vec<_>>());
    assert_eq!(built.len(), api::coverage_page().matches("| yes |").count(), "contract/fields.json misses operations that are built");
}
