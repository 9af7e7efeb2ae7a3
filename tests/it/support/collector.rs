//! A collector of OpenTelemetry: takes spans over HTTP, as protobuf, and answers as a test wants it.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Instant,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
    serve::Listener,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode as Outcome},
};
use prost::Message;
use tokio::{net::TcpListener, sync::watch};

use super::tls::Tls;

#[derive(Clone)]
pub struct Collector {
    pub url: String,
    inner: Arc<Inner>,
}

struct Inner {
    /// The next answers; when there are none, spans are taken.
    answers: Mutex<VecDeque<Response>>,
    requests: Mutex<Vec<Request>>,
    /// How many requests have come.
    count: watch::Sender<usize>,
    /// Whether requests stay without an answer.
    is_stuck: bool,
}

/// A request that has come.
#[derive(Clone)]
pub struct Request {
    pub headers: HeaderMap,
    pub at: Instant,
    pub body: Bytes,
    is_taken: bool,
}

/// A span that was taken, with its ids as they are written.
#[derive(Clone, Debug)]
pub struct Seen {
    pub trace: String,
    pub id: String,
    /// Empty: it is the first of its trace.
    pub parent: String,
    pub name: String,
    pub kind: SpanKind,
    pub attributes: BTreeMap<String, String>,
    /// The traces and spans that it belongs together with.
    pub links: Vec<(String, String)>,
    pub start: u64,
    pub end: u64,
    pub has_failed: bool,
}

impl Collector {
    pub async fn start() -> Self {
        Self::start_as(false).await
    }

    /// One that takes requests and never answers.
    pub async fn stuck() -> Self {
        Self::start_as(true).await
    }

    /// One that is asked over TLS, with its certificate as PEM.
    pub async fn over_tls() -> (Self, String) {
        let tls = Tls::listen().await;
        let (url, certificate) = (tls.url(), tls.certificate.clone());
        (Self::serve(tls, url, false), certificate)
    }

    async fn start_as(is_stuck: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self::serve(listener, url, is_stuck)
    }

    fn serve<L: Listener<Addr = SocketAddr>>(listener: L, url: String, is_stuck: bool) -> Self {
        let inner = Arc::new(Inner {
            answers: Mutex::default(),
            requests: Mutex::default(),
            count: watch::Sender::new(0),
            is_stuck,
        });
        let router = Router::new().route("/v1/traces", post(take)).with_state(inner.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        Collector { url, inner }
    }

    /// Answers the next request in this way.
    pub fn answer(&self, answer: impl IntoResponse) {
        self.inner.answers.lock().unwrap().push_back(answer.into_response());
    }

    /// Takes the next request, but says that it has not taken some of its spans.
    pub fn reject(&self, rejected_spans: i64) {
        let partial = ExportTracePartialSuccess { rejected_spans, error_message: "full".into() };
        let answer = ExportTraceServiceResponse { partial_success: Some(partial) };
        self.answer(answer.encode_to_vec());
    }

    /// Returns after this many requests.
    pub async fn asked(&self, times: usize) {
        self.inner.count.subscribe().wait_for(|count| *count >= times).await.unwrap();
    }

    pub fn requests(&self) -> Vec<Request> {
        self.inner.requests.lock().unwrap().clone()
    }

    /// The spans of all requests that were taken.
    pub fn spans(&self) -> Vec<Seen> {
        let taken = self.requests().into_iter().filter(|request| request.is_taken);
        taken.flat_map(|request| request.spans()).collect()
    }
}

impl Request {
    fn read(&self) -> ExportTraceServiceRequest {
        ExportTraceServiceRequest::decode(self.body.clone()).unwrap()
    }

    /// What the process says of itself.
    pub fn resource(&self) -> BTreeMap<String, String> {
        texts(&self.read().resource_spans[0].resource.as_ref().unwrap().attributes)
    }

    pub fn spans(&self) -> Vec<Seen> {
        let of_scopes = self.read().resource_spans.into_iter().flat_map(|of| of.scope_spans);
        of_scopes.flat_map(|of| of.spans).map(Seen::from).collect()
    }
}

impl From<Span> for Seen {
    fn from(span: Span) -> Self {
        Seen {
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            kind: span.kind(),
            attributes: texts(&span.attributes),
            links: span.links.iter().map(|to| (hex(&to.trace_id), hex(&to.span_id))).collect(),
            start: span.start_time_unix_nano,
            end: span.end_time_unix_nano,
            has_failed: span.status.is_some_and(|status| status.code() == Outcome::Error),
            name: span.name,
        }
    }
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref().unwrap().value.as_ref() {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    attributes.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn take(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let answer = inner.answers.lock().unwrap().pop_front();
    let answer = answer.unwrap_or_else(|| StatusCode::OK.into_response());
    let is_taken = answer.status().is_success() && !inner.is_stuck;
    inner.requests.lock().unwrap().push(Request { headers, at: Instant::now(), body, is_taken });
    inner.count.send_modify(|count| *count += 1);
    if inner.is_stuck {
        std::future::pending::<()>().await;
    }
    answer
}
