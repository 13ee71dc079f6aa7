//! Every field of every request and answer, and every parameter of an address, says what it is: unit, bounds, form, what absence means.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::Document;

/// Whether a field says what it is: itself, or beside the reference that it is made of. What is said where the reference leads tells of
/// the type, not of the field.
fn is_described(field: &Value) -> bool {
    let alternatives = field["oneOf"].as_array().into_iter().flatten();
    let says = |schema: &Value| schema["description"].as_str().is_some_and(|text| !text.trim().is_empty());
    says(field) || alternatives.filter(|schema| schema["type"] != "null").any(says)
}

/// Adds the fields below a schema, by where they stand. References are not followed: what they name is a schema of the document.
fn add_fields<'a>(at: &str, schema: &'a Value, fields: &mut BTreeMap<String, &'a Value>) {
    for parts in ["allOf", "oneOf", "anyOf"] {
        schema[parts].as_array().into_iter().flatten().for_each(|part| add_fields(at, part, fields));
    }
    for inner in ["items", "additionalProperties"] {
        if schema[inner].is_object() {
            add_fields(at, &schema[inner], fields);
        }
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        add_fields(&at, field, fields);
        fields.insert(at, field);
    }
}

/// The fields of all schemas: of those with a name, and of those that stand in operations themselves.
fn fields(document: &Document) -> BTreeMap<String, &Value> {
    let mut fields = BTreeMap::new();
    for (name, schema) in document.0["components"]["schemas"].as_object().unwrap() {
        add_fields(name, schema, &mut fields);
    }
    for (method, path, operation) in document.operations() {
        let at = format!("{method} {path}");
        let answers = operation["responses"].as_object().unwrap().values();
        for body in answers.chain([&operation["requestBody"]]) {
            for content in body["content"].as_object().into_iter().flatten().map(|(_, content)| content) {
                add_fields(&at, &content["schema"], &mut fields);
            }
        }
    }
    fields
}

#[test]
fn every_field_of_every_request_and_answer_is_described() {
    let document = Document::new();
    let fields = fields(&document);
    assert!(fields.len() > 700, "{}", fields.len());
    let silent: BTreeSet<_> = fields.iter().filter(|(_, field)| !is_described(field)).map(|(at, _)| at).collect();
    assert!(silent.is_empty(), "without a doc comment that says what a caller needs to know:\n{silent:#?}");
}

#[test]
fn no_description_only_says_that_a_field_is_required() {
    let document = Document::new();
    let says_nothing = |field: &Value| {
        let texts = field["oneOf"].as_array().into_iter().flatten().chain([field]).filter_map(|schema| schema["description"].as_str());
        texts.into_iter().any(|text| matches!(text, "Required." | "The same." | "Likewise."))
    };
    let silent: BTreeSet<_> = fields(&document).into_iter().filter(|(_, field)| says_nothing(field)).map(|(at, _)| at).collect();
    assert!(silent.is_empty(), "the document marks what is required; say what it is:\n{silent:#?}");
}

/// Parameters of paths and headers, and of queries: these are fields of a type, too.
#[test]
fn every_parameter_is_described() {
    let document = Document::new();
    let mut silent = BTreeSet::new();
    let mut seen = 0;
    for (method, path, operation) in document.operations() {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            seen += 1;
            if !is_described(parameter) {
                silent.insert(format!("{method} {path} {}", parameter["name"]));
            }
        }
    }
    assert!(seen > 100, "{seen}");
    assert!(silent.is_empty(), "without a doc comment in the struct of the query, or words in openapi.rs:\n{silent:#?}");
}

/// A field of fixed words is a reference to their list, so that the page shows what may stand there.
#[test]
fn every_list_of_words_names_them() {
    let document = Document::new();
    let schemas = document.0["components"]["schemas"].as_object().unwrap();
    let plain = |schema: &Value| schema["type"] == "string" && schema["format"].is_null() && schema["enum"].is_null();
    let wordless: Vec<_> = schemas.iter().filter(|(name, schema)| name.as_str() != "Dec" && plain(schema)).map(|(name, _)| name).collect();
    assert!(wordless.is_empty(), "named texts without their values: {wordless:?}");
    let words = schemas.values().filter(|schema| schema["enum"].as_array().is_some_and(|words| words.len() > 1)).count();
    assert!(words > 30, "{words}");
}
