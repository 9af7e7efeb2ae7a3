//! Sends spans to a collector of OpenTelemetry: OTLP over HTTP, as protobuf.
//!
//! It is ours, over the client that everything else here uses. The exporter of OpenTelemetry says
//! that an export failed, but not why, and its pauses hold up threads of the runtime.
//!
//! A batch is tried again as the specification says, for about a minute; meanwhile spans gather in
//! the queue. A failure is logged once, until the collector takes spans again.
//! <https://opentelemetry.io/docs/specs/otlp/>

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header},
};
use chrono::{DateTime, Utc};
use http_body_util::Full;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse},
    resource::v1::Resource,
};
use prost::Message;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{queue::Ended, wire};
use crate::{clock::Clock, config::CollectorAddress, fetch::Client, metrics::Metrics};

/// How many spans a request has at most, and for how long the first of them waits for others.
const MOST: usize = 1_024;
const INTERVAL: Duration = Duration::from_secs(2);
/// For one exchange.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a batch is tried.
const ATTEMPTS: u32 = 5;
/// The pause after the first attempt, unless the collector says how long; it doubles each time.
const PAUSE: Duration = Duration::from_secs(1);
/// A collector may ask for no longer pause. Nor for a shorter one than [`PAUSE`]: a batch would be
/// lost in a moment to one that says "now", or names a time of a clock that is late.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The largest answer, in bytes: it says how many spans were not taken.
const LARGEST_ANSWER: usize = 64 * 1024;

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// The exit of the queue, and where it leads to.
pub struct Collector {
    waiting: mpsc::Receiver<Ended>,
    client: Client,
    address: CollectorAddress,
    resource: Resource,
    clock: Clock,
    metrics: Arc<Metrics>,
    /// Whether the last attempt has failed, and how many spans were lost since.
    failing: Option<usize>,
}

/// Why a batch was not taken.
struct Failure {
    why: String,
    /// When to try it again; None: never.
    again: Option<Again>,
}

enum Again {
    /// After a pause of our own.
    Later,
    After(Duration),
}

impl Collector {
    pub fn new(
        waiting: mpsc::Receiver<Ended>,
        address: CollectorAddress,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Result<Self, String> {
        let (client, resource) = (Client::new(&address.url, 1)?, wire::resource());
        Ok(Collector { waiting, client, address, resource, clock, metrics, failing: None })
    }

    /// Sends spans until it is to end, and then what is still waiting.
    pub async fn run(mut self, end: CancellationToken) {
        tracing::info!(url = %self.address.url, "spans are sent to a collector");
        loop {
            let batch = self.next_batch(&end).await;
            if batch.is_empty() {
                return;
            }
            self.send(batch, &end).await;
        }
    }

    /// Empty: it is to end, and nothing waits any more.
    async fn next_batch(&mut self, end: &CancellationToken) -> Vec<Ended> {
        let mut batch = Vec::new();
        let mut until = None;
        while batch.len() < MOST {
            let more = MOST - batch.len();
            let late = async {
                match until {
                    Some(time) => sleep_until(time).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                received = self.waiting.recv_many(&mut batch, more) => {
                    // Nobody can record anything any more.
                    if received == 0 {
                        break;
                    }
                    until.get_or_insert_with(|| Instant::now() + INTERVAL);
                }
                () = late => break,
                () = end.cancelled() => {
                    while batch.len() < MOST && let Ok(span) = self.waiting.try_recv() {
                        batch.push(span);
                    }
                    break;
                }
            }
        }
        batch
    }

    /// Sends a batch, or loses it.
    async fn send(&mut self, batch: Vec<Ended>, end: &CancellationToken) {
        let count = batch.len();
        let body = Bytes::from(wire::request(&self.resource, batch).encode_to_vec());
        let mut pause = PAUSE;
        for attempt in 1.. {
            let failure = match self.post(body.clone()).await {
                Ok(rejected) => return self.worked(rejected),
                Err(failure) => failure,
            };
            self.failed(&failure.why);
            let pause_now = match failure.again {
                Some(Again::Later) => pause.mul_f64(rand::random_range(0.5..1.5)),
                Some(Again::After(time)) => time.clamp(PAUSE, LONGEST_PAUSE),
                None => break,
            };
            let is_last = attempt == ATTEMPTS || end.is_cancelled();
            if is_last || end.run_until_cancelled(sleep(pause_now)).await.is_none() {
                break;
            }
            pause *= 2;
        }
        self.lose(count);
    }

    /// Returns what the collector says of those that it did not take.
    async fn post(&self, body: Bytes) -> Result<ExportTracePartialSuccess, Failure> {
        let mut request = Request::post(&self.address.url)
            .body(Full::new(body))
            .map_err(|error| Failure { why: error.to_string(), again: None })?;
        *request.headers_mut() = self.address.headers.clone();
        request.headers_mut().insert(header::CONTENT_TYPE, PROTOBUF);
        // A collector that cannot be reached now may be there in a moment.
        let answer = self.client.send(request, LARGEST_ANSWER, PATIENCE).await;
        let answer = answer.map_err(|why| Failure { why, again: Some(Again::Later) })?;
        outcome(&answer, self.clock.now())
    }

    fn worked(&mut self, rejected: ExportTracePartialSuccess) {
        let ExportTracePartialSuccess { rejected_spans, error_message } = rejected;
        if rejected_spans > 0 {
            self.failed(&format!("{rejected_spans} spans are not taken: {error_message}"));
            self.lose(usize::try_from(rejected_spans).unwrap_or_default());
        } else if let Some(lost) = self.failing.take() {
            tracing::info!(lost, "the collector takes spans again");
        }
    }

    fn failed(&mut self, why: &str) {
        if self.failing.is_none() {
            tracing::warn!(why, url = %self.address.url, "the collector does not take spans");
            self.failing = Some(0);
        }
    }

    fn lose(&mut self, count: usize) {
        self.metrics.spans_lost.increment(count as u64);
        self.failing = self.failing.map(|lost| lost + count);
    }
}

/// What an answer means.
fn outcome(
    answer: &Response<Bytes>,
    now: DateTime<Utc>,
) -> Result<ExportTracePartialSuccess, Failure> {
    let status = answer.status();
    if status.is_success() {
        let read = ExportTraceServiceResponse::decode(answer.body().clone());
        return Ok(read.unwrap_or_default().partial_success.unwrap_or_default());
    }
    let is_passing = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    let again = is_passing.then(|| retry_after(answer.headers(), now));
    Err(Failure { why: format!("the answer is {status}"), again })
}

/// In seconds, or as a time.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Again {
    let text = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after = text.and_then(|text| match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let time = DateTime::parse_from_rfc2822(text).ok()?;
            Some((time.to_utc() - now).to_std().unwrap_or_default())
        }
    });
    after.map_or(Again::Later, Again::After)
}
