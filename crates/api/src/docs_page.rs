//! `/docs`: the API as a readable page, made from the OpenAPI document. No script, nothing from elsewhere.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::Value;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}\
h2{margin-top:2.5rem;border-bottom:1px solid #ddd}code{background:#f4f4f4;padding:.1rem .3rem;border-radius:3px}\
details{margin:.4rem 0;padding:.4rem .8rem;border:1px solid #e2e2e2;border-radius:6px}summary{cursor:pointer}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #eee;vertical-align:top}\
.m{display:inline-block;width:4.5rem;font-weight:600}";

/// `GET /docs`.
pub(crate) async fn serve() -> Response {
    static PAGE: LazyLock<String> = LazyLock::new(|| page(&serde_json::to_value(crate::openapi::document()).unwrap_or_default()));
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ];
    (StatusCode::OK, headers, PAGE.as_str()).into_response()
}

fn page(document: &Value) -> String {
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>FlexPrice API</title>\
         <style>{STYLE}</style><h1>FlexPrice API</h1><p>{}</p><p>Send your key in the header <code>x-api-key</code>; \
         <code>x-environment-id</code> chooses an environment. The document itself: <a href=/openapi.json>/openapi.json</a>.</p>",
        escape(text(&document["info"]["description"]))
    );
    let mut tags: Vec<(&str, Vec<String>)> = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten().filter(|(_, operation)| operation["responses"].is_object()) {
            let tag = text(&operation["tags"][0]);
            let entry = operation_entry(document, method, path, operation);
            match tags.iter_mut().find(|(known, _)| *known == tag) {
                Some((_, entries)) => entries.push(entry),
                None => tags.push((tag, vec![entry])),
            }
        }
    }
    tags.sort();
    for (tag, entries) in tags {
        // Writing to a String cannot fail.
        let _ = write!(page, "<h2>{}</h2>{}", escape(tag), entries.concat());
    }
    page + "</html>"
}

fn operation_entry(document: &Value, method: &str, path: &str, operation: &Value) -> String {
    let mut entry = format!(
        "<details><summary><span class=m>{}</span><code>{}</code> {}</summary>",
        method.to_uppercase(),
        escape(path),
        escape(text(&operation["summary"]))
    );
    let _ = write!(entry, "<p>{}</p>", escape(text(&operation["description"])));
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if body.is_object() {
        let _ = write!(entry, "<h4>Body</h4>{}", fields(document, body));
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let schema = &response["content"]["application/json"]["schema"];
        let _ = write!(entry, "<h4>{status}</h4>{}", if schema.is_object() { fields(document, schema) } else { String::new() });
    }
    entry + "</details>"
}

fn fields(document: &Value, schema: &Value) -> String {
    let schema = resolve(document, schema);
    let parts: Vec<&Value> =
        schema["allOf"].as_array().map_or_else(|| vec![schema], |parts| parts.iter().map(|part| resolve(document, part)).collect());
    let mut rows = String::new();
    for part in parts {
        let required: Vec<&str> = part["required"].as_array().into_iter().flatten().map(text).collect();
        for (name, field) in part["properties"].as_object().into_iter().flatten() {
            let mark = if required.contains(&name.as_str()) { " *" } else { "" };
            let about = escape(text(&field["description"]));
            let _ = write!(
                rows,
                "<tr><td><code>{}</code>{mark}</td><td>{}</td><td>{about}</td></tr>",
                escape(name),
                escape(&kind(document, field))
            );
        }
    }
    if rows.is_empty() { format!("<p>{}</p>", escape(&kind(document, schema))) } else { format!("<table>{rows}</table>") }
}

fn kind(document: &Value, schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = resolve(document, schema);
        return match target["enum"].as_array() {
            Some(values) => values.iter().map(text).collect::<Vec<_>>().join(" | "),
            None if target["type"] == "object" => reference.rsplit('/').next().unwrap_or_default().to_owned(),
            None => kind(document, target),
        };
    }
    if let Some(options) = schema["oneOf"].as_array() {
        return options
            .iter()
            .filter(|option| option["type"] != "null")
            .map(|option| kind(document, option))
            .collect::<Vec<_>>()
            .join(" or ");
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(document, &schema["items"])),
        Value::String(name) => name.clone(),
        Value::Array(names) => names.iter().map(text).filter(|name| *name != "null").collect::<Vec<_>>().join(" or "),
        _ => "any".to_owned(),
    }
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        Some(name) => &document["components"]["schemas"][name],
        None => schema,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
