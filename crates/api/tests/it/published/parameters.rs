//! Parameters of the published contract: what its clients can send is known, as far as operations are built.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::Document;

/// Names of an operation's parameters that stand there.
fn parameters<'a>(operation: &'a Value, place: &str) -> BTreeSet<&'a str> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters.filter(|parameter| parameter["in"] == place).filter_map(|parameter| parameter["name"].as_str()).collect()
}

#[test]
fn every_parameter_of_the_contract_is_known() {
    let contract: Value = serde_json::from_str(include_str!("../../../contract/openapi.json")).unwrap();
    let document = Document::new();
    let mut unknown = Vec::new();
    let mut compared = 0;
    for (path, item) in contract["paths"].as_object().unwrap() {
        for (method, theirs) in item.as_object().unwrap() {
            let method = http::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let Some(ours) = document.find(&method, &format!("/v1{}", path.trim_start_matches("/v1"))) else { continue };
            compared += 1;
            let known = parameters(ours, "query");
            unknown.extend(parameters(theirs, "query").difference(&known).map(|name| format!("{method} {path} {name}")));
        }
    }
    assert!(compared > 50, "{compared}");
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

/// The SDK's own types: a request holds the parameters of path and query, and the body as such where there is one.
#[test]
fn every_parameter_of_the_sdk_is_known() {
    let sdk: Value = serde_json::from_str(include_str!("../../../contract/sdk.json")).unwrap();
    let document = Document::new();
    let mut unknown = Vec::new();
    let mut compared = 0;
    for (route, operation) in sdk["operations"].as_object().unwrap() {
        let (method, path) = route.split_once(' ').unwrap();
        let method = http::Method::from_bytes(method.as_bytes()).unwrap();
        let Some(ours) = document.find(&method, &format!("/v1{path}")) else { continue };
        let name = operation["request"].as_str().unwrap_or_default();
        let Some(request) = sdk["$defs"][name]["properties"].as_object() else { continue };
        // Otherwise the fields are the body's.
        let holds_parameters = method == http::Method::GET || method == http::Method::DELETE || request.contains_key("body");
        if !holds_parameters {
            continue;
        }
        compared += 1;
        let known: BTreeSet<&str> = ["path", "query"].iter().flat_map(|place| parameters(ours, place)).collect();
        let sent = request.keys().map(String::as_str).filter(|name| *name != "body" && !path.contains(&format!("{{{name}}}")));
        unknown.extend(sent.filter(|name| !known.contains(name)).map(|name| format!("{route} {name}")));
    }
    assert!(compared > 15, "{compared}");
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

/// Lists say which parameters they take, and every operation how its environment is chosen.
#[test]
fn lists_and_environments_are_described() {
    let document = Document::new();
    for (method, path, operation) in document.operations() {
        assert!(parameters(operation, "header").contains("x-environment-id"), "{method} {path}");
    }
    for (path, some) in [
        ("/v1/customers", ["limit", "offset", "sort", "order", "status", "expand", "external_id", "customer_ids"].as_slice()),
        ("/v1/prices", &["plan_ids", "billing_periods", "allow_expired_prices", "updated_after"]),
        ("/v1/environments", &["limit", "offset"]),
        ("/v1/secrets/api/keys", &["limit", "offset"]),
        ("/v1/costs/{id}", &["expand"]),
    ] {
        let known = parameters(document.operation_at(&http::Method::GET, path), "query");
        assert!(some.iter().all(|name| known.contains(name)), "{path}: {known:?}");
        assert!(!known.contains("filters") && !known.contains("metadata"), "{path}: {known:?}");
    }
}
