//! The part of an address after the question mark: as the JSON object that it stands for, and as the document describes it.

use app::Error;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{RefOr, Required, Schema};

use super::shape::{Node, Shape, Slot, schemas_of_fields, shape_of};
use crate::error::ApiError;

/// Turns names and values into an object of this shape. A list is given by naming it several times; an empty value is none, but for texts.
pub(crate) fn json_of_query(shape: &Shape, pairs: Vec<(String, String)>) -> Result<Value, ApiError> {
    let mut object = Map::new();
    for (name, text) in pairs {
        let slot = shape.fields().and_then(|fields| fields.by_name.get(&name)).copied();
        let value = match slot {
            Some(slot) => value(shape, slot, text),
            None => Some(Value::String(text)),
        };
        let Some(value) = value else { continue };
        let item = match (slot.is_some_and(|slot| is_list(shape, slot)), object.get_mut(&name)) {
            (true, Some(Value::Array(items))) => {
                items.push(value);
                continue;
            }
            (true, _) => Value::Array(vec![value]),
            (false, None) => value,
            (false, Some(_)) => return Err(ApiError(Error::field(&name, format!("{name} is given more than once")))),
        };
        object.insert(name, item);
    }
    Ok(Value::Object(object))
}

fn is_list(shape: &Shape, slot: Slot) -> bool {
    matches!(shape.node(slot), Node::List(..))
}

/// A text as the value that it stands for. One that stands for none stays a text, which is then refused like any other that does not fit.
fn value(shape: &Shape, slot: Slot, text: String) -> Option<Value> {
    match shape.node(slot) {
        Node::List(item, _) => value(shape, *item, text),
        Node::Text | Node::Anything | Node::OneOf(_) => Some(Value::String(text)),
        _ if text.is_empty() => None,
        Node::Whole => Some(text.parse::<i64>().map_or(Value::String(text), Value::from)),
        Node::Flag => Some(text.parse::<bool>().map_or(Value::String(text), Value::from)),
        _ => Some(Value::String(text)),
    }
}

/// The fields of a type that a query can give: plain values, and lists of them. Conditions and other trees take a body.
pub(crate) fn parameters_of<T: ToSchema + 'static>() -> Vec<Parameter> {
    let shape = shape_of::<T>();
    let Some(fields) = shape.fields() else { return Vec::new() };
    let mut parameters = Vec::new();
    for (name, schema) in schemas_of_fields::<T>() {
        let Some(slot) = fields.by_name.get(&name).filter(|slot| is_given_by_texts(&shape, **slot)) else { continue };
        let required = if fields.required.contains(&name) { Required::True } else { Required::False };
        let (description, schema) = plain(&shape, *slot, schema);
        parameters.push(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .required(required)
                .description(description)
                .schema(schema)
                .build(),
        );
    }
    parameters
}

fn is_given_by_texts(shape: &Shape, slot: Slot) -> bool {
    match shape.node(slot) {
        Node::Object(_) | Node::Map(..) | Node::Anything => false,
        Node::List(item, _) => !is_list(shape, *item) && is_given_by_texts(shape, *item),
        Node::OneOf(slots) => slots.iter().any(|slot| matches!(shape.node(*slot), Node::Text)),
        _ => true,
    }
}

/// Words for a parameter and its schema without null, which a query cannot give.
fn plain(shape: &Shape, slot: Slot, mut schema: Value) -> (Option<String>, Option<RefOr<Schema>>) {
    let of_field = schema["description"].take();
    let mut alternatives = schema["oneOf"].as_array().into_iter().flatten();
    if let Some(only) = alternatives.find(|schema| schema["type"] != "null").cloned() {
        schema = only;
    }
    let of_alternative = schema["description"].take();
    let description = [of_field, of_alternative].into_iter().find_map(|text| text.as_str().map(str::to_owned));
    if matches!(shape.node(slot), Node::OneOf(_)) {
        schema = serde_json::json!({"type": "string"});
    }
    if let Value::Object(members) = &mut schema {
        members.remove("description");
        let kind = members.get("type").and_then(Value::as_array).and_then(|kinds| kinds.iter().find(|kind| *kind != "null")).cloned();
        members.extend(kind.map(|kind| ("type".to_owned(), kind)));
    }
    (description, serde_json::from_value(schema).ok())
}
