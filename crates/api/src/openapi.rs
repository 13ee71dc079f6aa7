//! The OpenAPI 3.1 document, generated from the routes and types.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::openapi::{Content, ContentBuilder, Info, OpenApi, Ref, RefOr, Required, Response as Answer, SecurityRequirement, Server};

use crate::error::ErrorResponse;

/// The document of everything that is built.
pub fn document() -> OpenApi {
    let (_, mut document) = crate::routes::versioned().split_for_parts();
    let mut info = Info::new("FlexPrice", env!("CARGO_PKG_VERSION"));
    info.description =
        Some("Usage metering and billing: events in, right invoices out. Money and quantities are decimals as strings.".into());
    document.info = info;
    document.servers = Some(vec![Server::new("/")]);
    complete(&mut document);
    let scheme = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("x-api-key")));
    document.components.get_or_insert_default().security_schemes.insert("ApiKeyAuth".into(), scheme.into());
    document.security = Some(vec![SecurityRequirement::new("ApiKeyAuth", Vec::<String>::new())]);
    document
}

/// Adds what the routes do not say each by themselves: parameters of paths, words for answers, the envelope of errors.
fn complete(document: &mut OpenApi) {
    let examples = examples();
    for (path, item) in &mut document.paths.paths {
        let names: Vec<&str> = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).collect();
        for operation in [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch].into_iter().flatten() {
            declare_path_parameters(operation, &names);
            declare_environment(operation);
            describe_answers(operation);
            show_example(operation, &examples);
        }
    }
    let mut schemas = Vec::new();
    <ErrorResponse as ToSchema>::schemas(&mut schemas);
    schemas.push((ErrorResponse::name().into_owned(), <ErrorResponse as utoipa::PartialSchema>::schema()));
    document.components.get_or_insert_default().schemas.extend(schemas);
}

fn declare_path_parameters(operation: &mut Operation, names: &[&str]) {
    let parameters = operation.parameters.get_or_insert_default();
    for (position, name) in names.iter().enumerate() {
        let is_there = parameters.iter().any(|known| matches!(known, RefOr::T(Parameter { name: known, .. }) if known == name));
        if !is_there {
            let text = ObjectBuilder::new().schema_type(Type::String);
            let parameter = ParameterBuilder::new()
                .name(*name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(named_by(name)))
                .schema(Some(text))
                .build();
            parameters.insert(position, RefOr::T(parameter));
        }
    }
}

/// What a parameter of a path takes.
fn named_by(parameter: &str) -> &'static str {
    match parameter {
        "external_id" => "The customer's external id, as events name it; only published customers are found",
        "lookup_key" => "The caller's own name of it; only what is published is found",
        "key" => "The name of it: a customer's external id, or a setting such as invoice_config",
        _ => "Its id, as the answer to its making says it; archived ones are found as well",
    }
}

/// Every operation works in one environment.
fn declare_environment(operation: &mut Operation) {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let description = "The environment to work in; the sandbox without. A key of an environment works in its own, whatever stands here";
    let parameter = ParameterBuilder::new()
        .name("x-environment-id")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(text))
        .build();
    operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
}

fn describe_answers(operation: &mut Operation) {
    let mut failure = Answer::new("A refusal or failure: the code says which");
    let envelope = Ref::from_schema_name(ErrorResponse::name());
    failure.content.insert("application/json".into(), RefOr::T(ContentBuilder::new().schema(Some(envelope)).build()));
    let answers = &mut operation.responses.responses;
    answers.entry("default".into()).or_insert(RefOr::T(failure));
    for (status, answer) in answers {
        let RefOr::T(answer) = answer else { continue };
        if answer.description.is_empty() {
            let reason = status.parse().ok().and_then(|status: StatusCode| status.canonical_reason());
            answer.description = reason.unwrap_or("Answer").to_owned();
        }
    }
}

/// What was sent to an operation, and what it answered.
#[derive(serde::Deserialize)]
struct Example {
    request: Option<serde_json::Value>,
    response: Option<serde_json::Value>,
}

/// One of each operation, as a test writes them: they are true.
fn examples() -> HashMap<String, Example> {
    serde_json::from_str(include_str!("../examples.json")).unwrap_or_default()
}

fn show_example(operation: &mut Operation, examples: &HashMap<String, Example>) {
    let Some(example) = operation.operation_id.as_ref().and_then(|id| examples.get(id)) else { return };
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        show(&mut body.content, example.request.as_ref());
    }
    let answers = operation.responses.responses.iter_mut().filter(|(status, _)| status.starts_with('2'));
    for (_, answer) in answers {
        let RefOr::T(answer) = answer else { continue };
        show(&mut answer.content, example.response.as_ref());
    }
}

fn show<'a, K: 'a>(contents: impl IntoIterator<Item = (&'a K, &'a mut RefOr<Content>)>, example: Option<&serde_json::Value>) {
    for (_, content) in contents {
        if let RefOr::T(content) = content {
            content.example = example.cloned();
        }
    }
}

static JSON: LazyLock<String> = LazyLock::new(|| document().to_json().unwrap_or_default());

/// `GET /openapi.json`.
pub(crate) async fn serve() -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], JSON.as_str()).into_response()
}
