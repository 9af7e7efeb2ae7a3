//! An id for each request, in its answer and in the log; the request's own line there, and its span
//! in a trace.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode},
    middleware::Next,
    response::Response,
};
use hyper::body::{Frame, SizeHint};
use rand::Rng;
use tracing::{Instrument, Span};

use super::access::{self, About};
use crate::{
    app::App,
    traces::{self, Kind, Parent, TRACERESPONSE},
};

pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ids are replaced.
const LONGEST: usize = 64;

/// An answer whose log line comes from what its body does.
#[derive(Clone, Copy)]
pub struct LogsItself;

/// Takes the id that a proxy gave, or creates one.
pub async fn set(State(app): State<App>, request: Request, next: Next) -> Response {
    let since = Instant::now();
    let route = route(request.uri().path());
    let given =
        request.headers().get(HEADER).and_then(|id| id.to_str().ok()).filter(|id| is_plain(id));
    let id = given.map_or_else(|| format!("{:016x}", rand::rng().random::<u64>()), str::to_owned);
    let mut trace = trace(&app, route, &request);
    let trace_id = trace.trace_id().map(tracing::field::display);
    let span = tracing::info_span!("request", id, trace_id);
    let answer = traces::at(trace.place(), next.run(request));
    let mut response = answer.instrument(span.clone()).await;
    let status = response.status();
    trace.set("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        trace.fail(status.as_str().to_owned());
    }
    if let Some(value) = trace.response() {
        response.headers_mut().insert(TRACERESPONSE, value);
    }
    app.metrics.http_request(route, status.as_str());
    let about = response.extensions_mut().remove::<About>();
    let is_logged = status != StatusCode::SWITCHING_PROTOCOLS
        && response.extensions_mut().remove::<LogsItself>().is_none()
        // A probe that finds what it expects says nothing.
        && !(route == "health" && status.is_success());
    let line = is_logged.then(|| access::Request {
        app,
        route,
        status: status.as_u16(),
        about,
        since,
        bytes: response.body().size_hint().exact().unwrap_or_default(),
    });
    // A stream is made after this has returned: events, a report.
    match response.body().size_hint().exact() {
        Some(_) => span.in_scope(|| drop(line)),
        None => response = response.map(|body| Body::new(Within { span, trace, body, line })),
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// The span of a request. A probe has none, and of a path that is no route nothing is in it: a
/// client can write anything there.
fn trace(app: &App, route: &str, request: &Request) -> traces::Span {
    if route == "health" {
        return traces::Span::default();
    }
    let mut trace = app.traces.begin(Parent::of(request.headers()), "HTTP", Kind::Server);
    if !trace.is_recorded() {
        return trace;
    }
    let method = method(request.method());
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    trace.set("http.request.method", method);
    trace.set("url.scheme", "http");
    let named = if method == OTHER_METHOD { "HTTP" } else { method };
    match matched {
        Some(route) => {
            trace.rename(format!("{named} {route}"));
            trace.set("http.route", route.to_owned());
        }
        None => trace.rename(named),
    }
    trace
}

/// What is no method of HTTP, by the conventions of OpenTelemetry.
const OTHER_METHOD: &str = "_OTHER";

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::PATCH => "PATCH",
        _ => OTHER_METHOD,
    }
}

/// What requests are counted by.
fn route(path: &str) -> &'static str {
    match path {
        "/graphql" => "graphql",
        "/healthz" | "/readyz" => "health",
        path if path.starts_with("/reports/") => "reports",
        _ => "pages",
    }
}

/// A body that is made within the spans of its request, so that what is logged meanwhile has its
/// name, and what is done is a part of its trace.
struct Within {
    span: Span,
    trace: traces::Span,
    body: Body,
    line: Option<access::Request>,
}

impl Drop for Within {
    fn drop(&mut self) {
        self.span.in_scope(|| self.line.take());
    }
}

impl HttpBody for Within {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Within { span, trace, body, line } = &mut *self;
        let poll = || span.in_scope(|| Pin::new(body).poll_frame(cx));
        let frame = ready!(traces::now_at(trace.place(), poll));
        if let (Some(line), Some(Ok(frame))) = (line, &frame) {
            line.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Only characters that cannot forge a log line.
fn is_plain(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(is_plain)
}
