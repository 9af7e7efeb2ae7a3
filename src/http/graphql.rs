//! GraphQL over HTTP, by its specification: one operation a request; `POST` with `application/json`, or `GET` of a query
//! whose document the server knows, or gets to know with its hash.

use async_graphql::{ServerError, parser::types::OperationType};
use async_graphql_axum::GraphQLResponse;
use axum::{
    body::Bytes,
    extract::{FromRequest, Query, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tokio::time::timeout;
use tracing::Instrument;

use super::{Http, accept::Format, actor, sse};
use crate::{
    error::Error,
    graphql::{Params, Prepared, answer, is_refused, refusal},
};

/// Answers a request.
pub async fn handle(State(http): State<Http>, request: Request) -> Response {
    let Some(format) = Format::of(request.headers()) else {
        let message = "answers are application/graphql-response+json, application/json or text/event-stream";
        return Refusal::new(StatusCode::NOT_ACCEPTABLE, message).respond(Format::Json);
    };
    let mut response = match respond(http, request, format).await {
        Ok(response) => response,
        Err(refusal) => refusal.respond(format),
    };
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What it says depends on the token, and changes.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    response
}

async fn respond(http: Http, request: Request, format: Format) -> Result<Response, Refusal> {
    let headers = request.headers().clone();
    let is_get = request.method() == Method::GET;
    let params = match *request.method() {
        Method::GET => from_url(&request)?,
        Method::POST => from_body(&http, request).await?,
        _ => return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "requests are POST or GET")),
    };
    let actor = actor(&http.app, &headers).await?;
    let prepared = match http.gate.prepare(params, actor.clone()) {
        Ok(prepared) => prepared,
        Err(error) if format == Format::Events => return Ok(sse::refuse(&http.app, error)),
        Err(error) => return Ok(show(async_graphql::Response::from_errors(vec![error]), format)),
    };
    if is_get && !(prepared.is_persisted && prepared.kind != OperationType::Mutation) {
        let message = "GET is for queries by the id of their document; POST everything else";
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message));
    }
    match (format, prepared.kind) {
        (Format::Events, _) => sse::stream(http, prepared, actor, &headers),
        (_, OperationType::Subscription) => {
            let message = "a subscription needs a websocket, or Accept: text/event-stream";
            let error = refusal(message, "BAD_USER_INPUT");
            Ok(show(async_graphql::Response::from_errors(vec![error]), format))
        }
        _ => Ok(show(execute(&http, prepared).await, format)),
    }
}

/// Executes a query or mutation. A mutation runs to its end even when nobody waits for it any more: cut short in the middle
/// of `begin`, it could leave an open transaction behind (P10).
pub async fn execute(http: &Http, prepared: Prepared) -> async_graphql::Response {
    let (limit, schema) = (http.app.config.limits.execution_timeout, http.schema.clone());
    let late = |message: &str| async_graphql::Response::from_errors(vec![refusal(message, "UNAVAILABLE")]);
    if prepared.kind != OperationType::Mutation {
        let response = timeout(limit, prepared.execute(&schema)).await;
        return response.unwrap_or_else(|_| late("the server did not finish this in time; try again"));
    }
    let mutation = async move { prepared.execute(&schema).await };
    match timeout(limit, http.tasks.spawn(mutation.in_current_span())).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            let error: async_graphql::Error = Error::internal(error).into();
            async_graphql::Response::from_errors(vec![error.into_server_error(Default::default())])
        }
        Err(_) => late("the server did not finish this in time, and may still do so"),
    }
}

/// An executed request, or one that could not be: that one has no `data`, and is an error of its own by the newer media
/// type.
fn show(response: async_graphql::Response, format: Format) -> Response {
    if !is_refused(&response) {
        let mut shown = GraphQLResponse::from(response).into_response();
        shown.headers_mut().insert(header::CONTENT_TYPE, format.content_type());
        return shown;
    }
    let status = match (format, code(&response.errors)) {
        (_, Some("RATE_LIMITED")) => StatusCode::TOO_MANY_REQUESTS,
        (Format::GraphQL, Some("UNAVAILABLE")) => StatusCode::SERVICE_UNAVAILABLE,
        (Format::GraphQL, _) => StatusCode::BAD_REQUEST,
        (Format::Json | Format::Events, _) => StatusCode::OK,
    };
    errors(status, format, serde_json::json!(response.errors))
}

fn code(errors: &[ServerError]) -> Option<&str> {
    match errors.first()?.extensions.as_ref()?.get("code")? {
        async_graphql::Value::String(code) => Some(code),
        _ => None,
    }
}

/// The parameters of a URL; `variables` and `extensions` are JSON.
fn from_url(request: &Request) -> Result<Params, Refusal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Url {
        query: Option<String>,
        document_id: Option<String>,
        operation_name: Option<String>,
        variables: Option<String>,
        extensions: Option<String>,
    }
    let Query(url) = Query::<Url>::try_from_uri(request.uri()).map_err(|_| Refusal::malformed())?;
    let json = |text: Option<String>| match text {
        Some(text) => serde_json::from_str(&text).map_err(|_| Refusal::malformed()),
        None => Ok(serde_json::Value::Null),
    };
    let params = serde_json::json!({
        "query": url.query,
        "documentId": url.document_id,
        "operationName": url.operation_name,
        "variables": json(url.variables)?,
        "extensions": json(url.extensions)?,
    });
    complete(serde_json::from_value(params))
}

/// The parameters of a body.
async fn from_body(http: &Http, request: Request) -> Result<Params, Refusal> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = content_type.unwrap_or_default().split(';').map(str::trim);
    // Another type would let a foreign page's form send a request with the reader's network.
    if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        let message = "the content type is application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let charset = parts.find_map(|part| part.to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
    if charset.is_some_and(|charset| charset.trim_matches('"') != "utf-8") {
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the charset is utf-8"));
    }
    let body = match timeout(http.app.config.limits.body_timeout, Bytes::from_request(request, http)).await {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let message = format!("a request has at most {} bytes", http.app.config.limits.body);
            return Err(Refusal { status: rejection.status(), code: "LIMIT_EXCEEDED", message });
        }
        Ok(Err(_)) => return Err(Refusal::malformed()),
        Err(_) => return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    };
    // An array would be taken for the fields of a request in their order.
    match body.trim_ascii_start().starts_with(b"{") {
        true => complete(serde_json::from_slice(&body)),
        false => Err(Refusal::malformed()),
    }
}

fn complete(params: serde_json::Result<Params>) -> Result<Params, Refusal> {
    params.ok().filter(Params::is_complete).ok_or_else(Refusal::malformed)
}

/// A request that is answered with an HTTP status: it did not get as far as GraphQL.
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, message: &str) -> Self {
        Refusal { status, code: "BAD_USER_INPUT", message: message.into() }
    }

    fn malformed() -> Self {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "this is not one GraphQL request: a JSON object with a query or the id of a document",
        )
    }

    pub fn respond(self, format: Format) -> Response {
        let Refusal { status, code, message } = self;
        let problem = serde_json::json!([{"message": message, "extensions": {"code": code}}]);
        let mut response = errors(status, format, problem);
        let extra = match status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            StatusCode::METHOD_NOT_ALLOWED => Some((header::ALLOW, "POST")),
            StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "1")),
            _ => None,
        };
        response.headers_mut().extend(extra.map(|(name, value)| (name, HeaderValue::from_static(value))));
        response
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Error::Forbidden => StatusCode::FORBIDDEN,
            Error::LimitExceeded(_) => StatusCode::TOO_MANY_REQUESTS,
            Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        let answer = answer(error);
        Refusal { status, code: answer.code, message: answer.message }
    }
}

fn errors(status: StatusCode, format: Format, errors: serde_json::Value) -> Response {
    let body = serde_json::json!({ "errors": errors });
    (status, [(header::CONTENT_TYPE, format.content_type())], body.to_string()).into_response()
}
