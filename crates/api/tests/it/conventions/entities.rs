//! testkit's table of entities accounts for every route that follows a convention.

use http::Method;
use testkit::{ENTITIES, Entity, Made, RouteOfOne};

use crate::published::document::Document;

/// Answers with a page that sum up what they tell of, instead of listing entities.
const SUMMARIES: &[&str] = &["customers/usage"];

/// Whether an operation answers a page of a list.
fn answers_pages(document: &Document, method: &Method, path: &str) -> bool {
    let response = document.find(method, path).and_then(|operation| document.response(operation));
    response.is_some_and(|schema| document.fields(schema).0.contains_key("pagination"))
}

#[test]
fn every_routed_search_list_and_read_has_a_row() {
    let document = Document::new();
    let mut wrong = Vec::new();
    for (method, template, _) in document.operations() {
        let path = template.trim_start_matches("/v1/");
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let row = |path: &str, is_there: fn(&Entity) -> bool| ENTITIES.iter().any(|entity| entity.path == path && is_there(entity));
        let is_known = match (&method, path.strip_suffix("/search"), path.strip_suffix("/{id}")) {
            (&Method::POST, Some(searched), _) => row(searched, |entity| entity.search.is_some()),
            (&Method::PUT, _, Some(changed)) => row(changed, |entity| entity.change.is_some()),
            (&Method::DELETE, _, Some(archived)) => row(archived, |entity| entity.archived),
            (&Method::GET, _, Some(read)) => row(read, |_| true),
            (&Method::GET, ..) if SUMMARIES.contains(&path) => true,
            (&Method::GET, ..) if !path.contains('{') && answers_pages(&document, &method, template) => row(path, |entity| entity.listed),
            _ => true,
        };
        if !is_known {
            wrong.push(format!("{method} {template}"));
        }
    }
    assert!(wrong.is_empty(), "these routes have no row in testkit's ENTITIES, or it does not mention them: {wrong:#?}");
    // Each route with an id belongs to a row, which says how it is called.
    for route in RouteOfOne::all() {
        route.body();
    }
}

#[test]
fn every_row_says_what_is_routed() {
    let document = Document::new();
    for entity in ENTITIES {
        let (base, one) = (format!("/v1/{}", entity.path), format!("/v1/{}/{{id}}", entity.path));
        let is_routed = |method: Method, path: &str| document.find(&method, path).is_some();
        assert_eq!(entity.search.is_some(), is_routed(Method::POST, &format!("{base}/search")), "{base}/search");
        assert_eq!(entity.listed, answers_pages(&document, &Method::GET, &base), "GET {base}");
        assert_eq!(entity.change.is_some(), is_routed(Method::PUT, &one), "PUT {one}");
        assert_eq!(entity.archived, is_routed(Method::DELETE, &one), "DELETE {one}");
        assert!(!matches!(entity.made, Made::Posted(..)) || is_routed(Method::POST, &base), "POST {base}");
        for (action, _) in entity.actions {
            let path = format!("{one}/{action}");
            assert!(is_routed(Method::POST, &path) || is_routed(Method::PUT, &path), "{path}");
        }
    }
}
