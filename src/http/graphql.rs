//! GraphQL over HTTP, by its specification: one operation a request; `POST` with
//! `application/json`, or `GET` with the parameters in the URL, for everything but mutations.
//!
//! A request goes: the form of its answer, its content type, its token ([`actor`]), its body within
//! the deadline, the gate ([`crate::gate::Gate::prepare`]), the execution. A mutation is executed
//! in a task of its own, so that it ends even if the client goes away.

use async_graphql::{ServerError, parser::types::OperationType};
use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{FromRequest, Query, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout};

use super::{
    Http,
    accept::Format,
    access::{About, Caller, OPERATION, code},
    actor,
    connections::LONGEST_LAST_REST,
    request_id::LogsItself,
    sse,
};
use crate::{
    budget::{Holder, Permit},
    error::Error,
    gate::{Answer, ErrorCode, Params, Prepared, answer, is_refused, refusal, retry_after},
    metrics::Transport,
    traces::{self, Carry, Kind, Span},
};

/// Answers up to this many bytes do not count against the budget: a connection's buffers hold as
/// much.
const SMALL: u64 = 64 * 1024;
/// Request bodies up to this many bytes do not count against the budget.
const SMALL_BODY: u64 = 16 * 1024;
/// Answers above this many bytes are serialised where that blocks nobody.
const LARGE: u64 = 256 * 1024;
/// For a moment, an answer is in memory both as values and as text.
const COPIES: u64 = 2;

/// Answers a request.
pub async fn handle(http: Http, request: Request) -> Response {
    let Some(format) = Format::of(request.headers()) else {
        let message =
            "answers are application/graphql-response+json, application/json or text/event-stream";
        return Refusal::new(StatusCode::NOT_ACCEPTABLE, message).respond(Format::Json);
    };
    let (since, metrics) = (Instant::now(), http.app.metrics.clone());
    let mut about = About::default();
    let here = traces::here();
    let mut trace = here.map(|here| here.child(OPERATION, Kind::Server)).unwrap_or_default();
    let answer = traces::at(trace.place(), respond(http, request, format, &mut about, &mut trace));
    let mut response = match answer.await {
        Ok(response) => response,
        Err(refusal) => {
            about.fail(std::slice::from_ref(&*refusal.error));
            refusal.respond(format)
        }
    };
    if response.extensions().get::<LogsItself>().is_none() {
        metrics.operation(about.kind, Transport::Http, about.code(), since.elapsed());
        about.end(trace);
        response.extensions_mut().insert(about);
    }
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The answer depends on the token, and changes over time.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    response
}

async fn respond(
    http: Http,
    request: Request,
    format: Format,
    about: &mut About,
    trace: &mut Span,
) -> Result<Response, Refusal> {
    let headers = request.headers().clone();
    let is_get = request.method() == Method::GET;
    let (params, actor) = match *request.method() {
        Method::GET => {
            let params = from_url(&request)?;
            let actor = actor(&http.app, &headers).await?;
            about.caller = Caller::of(&http.app, actor.as_ref());
            (params, actor)
        }
        Method::POST => {
            check_content_type(&headers)?;
            // Before reading the body, because its bytes count for the sender.
            let actor = actor(&http.app, &headers).await?;
            about.caller = Caller::of(&http.app, actor.as_ref());
            (from_body(&http, request, Holder::of(actor.as_ref())).await?, actor)
        }
        _ => return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "requests are POST or GET")),
    };
    let prepared = match http.gate.prepare(params, actor.clone()) {
        Ok(prepared) => prepared,
        Err(error) if format == Format::Events => {
            return Ok(sse::refuse(&http.app, error, about.clone(), std::mem::take(trace)));
        }
        Err(error) => return Ok(refuse(vec![error], format, about)),
    };
    about.call(&prepared);
    if is_get && prepared.kind == OperationType::Mutation {
        let message = "GET changes nothing; use POST for mutations";
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message));
    }
    match (format, prepared.kind) {
        (Format::Events, _) => sse::stream(http, prepared, actor, &headers, about.clone(), trace),
        (_, OperationType::Subscription) => {
            let message = "a subscription needs a websocket, or Accept: text/event-stream";
            Ok(refuse(vec![refusal(message, ErrorCode::BadUserInput)], format, about))
        }
        _ => show(&http, execute(&http, prepared).await, format, about).await,
    }
}

/// The result of a query or mutation.
pub struct Executed {
    pub response: async_graphql::Response,
    bytes: u64,
    holder: Holder,
    /// The hold on its bytes in the budget, if they are many. Kept until the client has received
    /// them.
    pub permit: Option<Permit>,
}

/// Executes a query or mutation, if there is room for it. A mutation runs to its end even if nobody
/// waits for it any more: interrupted in the middle of `begin`, it could leave an open transaction
/// behind (P10).
pub async fn execute(http: &Http, prepared: Prepared) -> Executed {
    let limit = http.app.config.limits.execution_timeout;
    let schema = match prepared.is_small {
        true => http.schemas.plain.clone(),
        false => http.schemas.metered.clone(),
    };
    let (kind, holder, weight) = (prepared.kind, prepared.holder.clone(), prepared.weight);
    let refused = |error| Executed {
        response: async_graphql::Response::from_errors(vec![error]),
        bytes: 0,
        holder: holder.clone(),
        permit: None,
    };
    let Some(place) = http.operations.try_take(holder.clone(), 1) else {
        http.app.metrics.refused.count("operations");
        return refused(refusal("the server is overloaded; try again", ErrorCode::Unavailable));
    };
    let (answers, of) = (http.answers.clone(), holder.clone());
    let execution = async move {
        let permit = match weight > SMALL {
            true => Some(answers.take(of.clone(), weight * COPIES).await),
            false => None,
        };
        let (response, bytes) = prepared.execute(&schema).await;
        drop(place);
        Executed { response, bytes, holder: of, permit }
    };
    if kind != OperationType::Mutation {
        return match timeout(limit, execution).await {
            Ok(executed) => executed,
            Err(_) => refused(refusal(
                "the server did not finish this in time; try again",
                ErrorCode::Unavailable,
            )),
        };
    }
    match timeout(limit, http.tasks.spawn(execution.carried())).await {
        Ok(Ok(executed)) => executed,
        Ok(Err(error)) => {
            let error: async_graphql::Error = Error::internal(error).into();
            refused(error.into_server_error(Default::default()))
        }
        Err(_) => refused(refusal(
            "the server did not finish this in time, but may still do so",
            ErrorCode::Unavailable,
        )),
    }
}

/// The text of an answer. It keeps its bytes on the budget until the client has received the last
/// of them.
struct Text {
    text: Vec<u8>,
    _permit: Option<Permit>,
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

/// An executed request, or one that could not be executed.
async fn show(
    http: &Http,
    executed: Executed,
    format: Format,
    about: &mut About,
) -> Result<Response, Refusal> {
    let Executed { response, bytes, holder, mut permit } = executed;
    if is_refused(&response) {
        return Ok(refuse(response.errors, format, about));
    }
    about.fail(&response.errors);
    let retry_after = retry_after(&response.errors);
    let text = move || serde_json::to_vec(&response);
    let text = match bytes > LARGE {
        true => tokio::task::spawn_blocking(text).await.map_err(|error| Error::internal(error))?,
        false => text(),
    };
    let text = text.map_err(|error| Error::internal(error))?;
    let bytes = text.len() as u64;
    match &mut permit {
        Some(permit) => permit.resize(bytes),
        None if bytes > SMALL => permit = Some(http.answers.put(holder, bytes)),
        None => {}
    }
    let body = Body::from(Bytes::from_owner(Text { text, _permit: permit }));
    let mut shown = ([(header::CONTENT_TYPE, format.content_type())], body).into_response();
    ask_to_wait(&mut shown, retry_after);
    Ok(shown)
}

/// When to retry, for clients that look only at HTTP headers.
fn ask_to_wait(response: &mut Response, seconds: Option<u64>) {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// A request that could not be executed has no `data`, and by the newer media type it is answered
/// with an error status.
fn refuse(problems: Vec<ServerError>, format: Format, about: &mut About) -> Response {
    about.fail(&problems);
    let is = |wanted: ErrorCode| code(&problems) == Some(wanted.name());
    let status = match format {
        _ if is(ErrorCode::RateLimited) => StatusCode::TOO_MANY_REQUESTS,
        Format::GraphQL if is(ErrorCode::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
        Format::GraphQL => StatusCode::BAD_REQUEST,
        Format::Json | Format::Events => StatusCode::OK,
    };
    errors(status, format, problems)
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
    type Object = serde_json::Map<String, serde_json::Value>;
    let malformed = |message: &str| Refusal::new(StatusCode::BAD_REQUEST, message);
    let incomplete =
        || malformed("the URL must have a query or the id of a document, and no parameter twice");
    let Query(url) = Query::<Url>::try_from_uri(request.uri()).map_err(|_| incomplete())?;
    let json = |name: &str, text: Option<String>| {
        let object = text.map(|text| serde_json::from_str::<Option<Object>>(&text)).transpose();
        object.map_err(|_| malformed(&format!("{name} must be one JSON object")))
    };
    let params = serde_json::json!({
        "query": url.query,
        "documentId": url.document_id,
        "operationName": url.operation_name,
        "variables": json("variables", url.variables)?,
        "extensions": json("extensions", url.extensions)?,
    });
    complete(serde_json::from_value(params)).ok_or_else(incomplete)
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = content_type.unwrap_or_default().split(';').map(str::trim);
    // Another type would let a form on a foreign page send requests from the reader's network.
    if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        let message = "the content type must be application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let charset = parts
        .find_map(|part| part.to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
    if charset.is_some_and(|charset| charset.trim_matches('"') != "utf-8") {
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the charset must be utf-8"));
    }
    Ok(())
}

/// The parameters of a body.
async fn from_body(http: &Http, request: Request, holder: Holder) -> Result<Params, Refusal> {
    let largest = http.app.config.limits.body as u64;
    let size = request.body().size_hint().upper().unwrap_or(largest).min(largest);
    let _permit = match size > SMALL_BODY {
        true => Some(http.answers.try_take(holder, size).ok_or_else(|| {
            http.app.metrics.refused.count("large_requests");
            Error::Unavailable("too many large requests".into())
        })?),
        false => None,
    };
    // A server that ends waits for what it has begun, and has not begun this one.
    let ended = async {
        http.app.shutdown.cancelled().await;
        sleep(LONGEST_LAST_REST).await;
    };
    let body = timeout(http.app.config.limits.body_timeout, Bytes::from_request(request, http));
    let body = tokio::select! {
        body = body => body,
        () = ended => return Err(Error::Unavailable("the server is stopping".into()).into()),
    };
    let body = match body {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let message = format!("a request has at most {} bytes", http.app.config.limits.body);
            return Err(Refusal {
                status: rejection.status(),
                error: refusal(message, ErrorCode::LimitExceeded).into(),
            });
        }
        Ok(Err(_)) => return Err(Refusal::malformed()),
        Err(_) => {
            return Err(Refusal::new(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not arrive in time",
            ));
        }
    };
    // An array would be taken for the fields of a request in their order.
    match body.trim_ascii_start().starts_with(b"{") {
        true => complete(serde_json::from_slice(&body)).ok_or_else(Refusal::malformed),
        false => Err(Refusal::malformed()),
    }
}

fn complete(params: serde_json::Result<Params>) -> Option<Params> {
    params.ok().filter(Params::is_complete)
}

/// A request that is answered with an HTTP status because it did not get as far as GraphQL.
pub struct Refusal {
    status: StatusCode,
    error: Box<ServerError>,
}

impl Refusal {
    fn new(status: StatusCode, message: &str) -> Self {
        Refusal { status, error: refusal(message, ErrorCode::BadUserInput).into() }
    }

    fn malformed() -> Self {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "the body must be one JSON object with a query or the id of a document",
        )
    }

    pub fn respond(self, format: Format) -> Response {
        let Refusal { status, error } = self;
        let mut response = errors(status, format, vec![*error]);
        let extra = match status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            StatusCode::METHOD_NOT_ALLOWED => Some((header::ALLOW, "GET, POST")),
            _ => None,
        };
        response
            .headers_mut()
            .extend(extra.map(|(name, value)| (name, HeaderValue::from_static(value))));
        response
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Unauthenticated(_) | Error::TokenExpired | Error::Deactivated { .. } => {
                StatusCode::UNAUTHORIZED
            }
            Error::Forbidden => StatusCode::FORBIDDEN,
            Error::LimitExceeded(_) => StatusCode::TOO_MANY_REQUESTS,
            Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        let Answer { code, message, .. } = answer(error);
        Refusal { status, error: refusal(message, code).into() }
    }
}

fn errors(status: StatusCode, format: Format, errors: Vec<ServerError>) -> Response {
    let retry_after = retry_after(&errors);
    let body = serde_json::json!({ "errors": errors });
    let mut response =
        (status, [(header::CONTENT_TYPE, format.content_type())], body.to_string()).into_response();
    ask_to_wait(&mut response, retry_after);
    response
}
