//! Reads schemas of the OpenAPI document.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The document as it is served.
pub(crate) struct Document(pub(crate) Value);

impl Document {
    pub(crate) fn new() -> Self {
        Self(serde_json::from_str(&api::document().to_json().unwrap()).unwrap())
    }

    /// Every operation: method, path, itself.
    pub(crate) fn operations(&self) -> Vec<(&str, &str, &Value)> {
        let paths = self.0["paths"].as_object().unwrap();
        let mut operations = Vec::new();
        for (path, item) in paths {
            let of_path = item.as_object().unwrap().iter();
            operations.extend(of_path.map(|(method, operation)| (method.as_str(), path.as_str(), operation)));
        }
        operations
    }

    pub(crate) fn operation(&self, id: &str) -> &Value {
        let found = self.operations().into_iter().find(|(.., operation)| operation["operationId"] == id);
        found.unwrap_or_else(|| panic!("no operation {id}")).2
    }

    /// The operation of a route, whatever its parameters are called.
    pub(crate) fn find(&self, method: &http::Method, template: &str) -> Option<&Value> {
        let shape = |path: &str| path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }.to_owned()).collect::<Vec<_>>();
        let is_it = |known: &str, path: &str| known.eq_ignore_ascii_case(method.as_str()) && shape(path) == shape(template);
        self.operations().into_iter().find(|(known, path, _)| is_it(known, path)).map(|(.., operation)| operation)
    }

    pub(crate) fn operation_at(&self, method: &http::Method, template: &str) -> &Value {
        self.find(method, template).unwrap_or_else(|| panic!("no operation at {method} {template}"))
    }

    /// The schema of an operation's JSON body.
    pub(crate) fn request<'a>(&self, operation: &'a Value) -> Option<&'a Value> {
        operation.pointer("/requestBody/content/application~1json/schema")
    }

    /// The schema of an operation's JSON answer when it succeeds.
    pub(crate) fn response<'a>(&self, operation: &'a Value) -> Option<&'a Value> {
        let answers = operation["responses"].as_object().unwrap();
        let (_, success) = answers.iter().find(|(status, _)| status.starts_with('2'))?;
        success.pointer("/content/application~1json/schema")
    }

    /// What a schema stands for: references followed, the alternative null left out.
    pub(crate) fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let found = self.0.pointer(reference.trim_start_matches('#'));
            return self.resolve(found.unwrap_or_else(|| panic!("{reference} leads nowhere")));
        }
        for alternatives in ["oneOf", "anyOf"] {
            let Some(schemas) = schema[alternatives].as_array() else { continue };
            let mut others = schemas.iter().filter(|schema| schema["type"] != "null");
            if let (Some(only), None) = (others.next(), others.next()) {
                return self.resolve(only);
            }
        }
        schema
    }

    /// The fields of an object, and which of them are always there.
    pub(crate) fn fields<'a>(&'a self, schema: &'a Value) -> (BTreeMap<&'a str, &'a Value>, BTreeSet<&'a str>) {
        let schema = self.resolve(schema);
        let mut fields: BTreeMap<_, _> =
            schema["properties"].as_object().into_iter().flatten().map(|(name, schema)| (name.as_str(), schema)).collect();
        let mut required: BTreeSet<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            let (more, more_required) = self.fields(part);
            fields.extend(more);
            required.extend(more_required);
        }
        (fields, required)
    }

    /// Whether null is among what a schema allows.
    pub(crate) fn may_be_null(&self, schema: &Value) -> bool {
        let is_null = |schema: &Value| schema["type"] == "null";
        let types = schema["type"].as_array().is_some_and(|types| types.iter().any(|name| name == "null"));
        types || ["oneOf", "anyOf"].iter().any(|of| schema[*of].as_array().is_some_and(|schemas| schemas.iter().any(is_null)))
    }

    /// The JSON type of a schema; `any` where it does not say.
    pub(crate) fn type_of<'a>(&'a self, schema: &'a Value) -> &'a str {
        let schema = self.resolve(schema);
        match &schema["type"] {
            Value::String(name) => name,
            Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("null"),
            _ if schema.get("allOf").is_some() || schema.get("properties").is_some() => "object",
            _ => "any",
        }
    }
}
