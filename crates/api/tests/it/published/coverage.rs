//! Every operation of the published API and every route beyond it is there: built, or 501. docs/coverage.md says which.

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;
use testkit::TestApp;

use super::document::Document;

const OPERATIONS: &str = include_str!("../../../contract/operations.txt");
const ROUTES: &str = include_str!("../../../contract/routes.txt");

/// Method, path and operation id of each line, as it is served: some paths carry a second /v1 by mistake. Newer operations and routes
/// beyond the published API have no id.
fn known(lines: &'static str) -> Vec<(Method, String, Option<&'static str>)> {
    let lines = lines.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let (method, path) = (words.next().unwrap(), words.next().unwrap());
            let path = format!("/v1{}", path.strip_prefix("/v1").unwrap_or(path));
            (Method::from_bytes(method.as_bytes()).unwrap(), path, words.next())
        })
        .collect()
}

/// What the page says of an operation.
fn is_built(page: &str, method: &Method, template: &str) -> bool {
    let row = page.lines().find(|row| row.starts_with(&format!("| `{method} {template}` |")));
    row.unwrap_or_else(|| panic!("docs/coverage.md has no {method} {template}")).ends_with("| yes |")
}

#[tokio::test]
async fn every_operation_and_route_of_the_contract_is_routed() {
    let app = TestApp::start().await;
    let (client, stranger) = (app.client(), app.client_with("sk_wrong"));
    let page = api::coverage_page();
    let mut wrong = Vec::new();
    let (operations, routes) = (known(OPERATIONS), known(ROUTES));
    assert_eq!((operations.len(), routes.len()), (303, 105));
    for (method, template, _) in operations.into_iter().chain(routes) {
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
        // Who signs in has no key, and providers sign what they send.
        let is_public = template.starts_with("/v1/auth/") || template.ends_with("/{tenant_id}/{environment_id}");
        let expected = if is_public { answer.status } else { 401 };
        assert_eq!(refused.status, expected, "without a key: {refused}");
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
fn built_operations_keep_the_contract_s_ids_and_are_compared() {
    let (page, document) = (api::coverage_page(), Document::new());
    let excerpt: Value = serde_json::from_str(include_str!("../../../contract/fields.json")).unwrap();
    let mut built = BTreeSet::new();
    for (method, template, id) in known(OPERATIONS) {
        if is_built(&page, &method, &template) {
            let ours = document.operation_at(&method, &template)["operationId"].as_str().unwrap();
            assert!(id.is_none_or(|id| id == ours), "{method} {template}: {ours}, the contract has {id:?}");
            built.insert(ours.to_owned());
        }
    }
    let compared: BTreeSet<String> = excerpt["operations"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(compared, built, "contract/fields.json is out of date; write it anew with `make contract`");
}
