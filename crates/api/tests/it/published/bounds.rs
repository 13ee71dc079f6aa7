//! Every list of every request has a bound, and the document says which.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::Document;

/// Adds the paths of lists without a bound below a schema.
fn unbounded(document: &Value, schema: &Value, path: &str, seen: &mut BTreeSet<String>, found: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        if seen.insert(format!("{path} {reference}")) && path.split('.').count() < 20 {
            unbounded(document, document.pointer(reference.trim_start_matches('#')).expect("a schema"), path, seen, found);
        }
        return;
    }
    for alternatives in ["allOf", "oneOf", "anyOf"] {
        for one in schema[alternatives].as_array().into_iter().flatten() {
            unbounded(document, one, path, seen, found);
        }
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        unbounded(document, property, &format!("{path}.{name}"), seen, found);
    }
    if schema["items"].is_object() {
        // `sort` is a list or a text, and bounded where it is read.
        if !schema["maxItems"].is_u64() && !path.ends_with(".sort") {
            found.insert(path.to_owned());
        }
        unbounded(document, &schema["items"], &format!("{path}[]"), seen, found);
    }
    if schema["additionalProperties"].is_object() {
        // The values of property filters: `body::Map` bounds them, and utoipa knows no bound of what stands in a map.
        unbounded(document, &schema["additionalProperties"]["items"], &format!("{path}.*"), seen, found);
    }
}

#[test]
fn every_list_of_every_request_has_a_bound() {
    let document = Document::new();
    let (mut bodies, mut found) = (0, BTreeSet::new());
    for (method, path, operation) in document.operations() {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if schema.is_object() {
            bodies += 1;
            unbounded(&document.0, schema, &format!("{method} {path} body"), &mut BTreeSet::new(), &mut found);
        }
    }
    assert!(bodies > 25, "{bodies}");
    assert!(found.is_empty(), "without a bound: use body::List and body::Map\n{found:#?}");
}
