//! Where spans that have ended wait to be sent. Nobody waits for a place: when all are taken, a
//! span is lost, and counted.

use std::{borrow::Cow, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tokio::sync::mpsc;

use super::parent::Ids;
use crate::{clock::Clock, metrics::Metrics};

/// Spans that wait to be sent: some megabytes.
const LONGEST: usize = 8_192;

/// A span that has ended.
pub struct Ended {
    pub ids: Ids,
    /// The span in the same trace within which it happened.
    pub parent: Option<u64>,
    /// Whether that is a span of another program.
    pub is_remote: bool,
    pub name: Cow<'static, str>,
    pub kind: SpanKind,
    pub start: DateTime<Utc>,
    pub time: Duration,
    pub attributes: Vec<(&'static str, Value)>,
    pub links: Vec<Ids>,
    /// Whether the server is to blame for how it went.
    pub has_failed: bool,
}

/// The value of an attribute.
pub enum Value {
    Text(Cow<'static, str>),
    Number(i64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Value::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Number(number)
    }
}

/// The entrance; cheap to clone.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    waiting: mpsc::Sender<Ended>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl Queue {
    /// A queue, and its exit.
    pub fn new(clock: Clock, metrics: Arc<Metrics>) -> (Self, mpsc::Receiver<Ended>) {
        let (waiting, exit) = mpsc::channel(LONGEST);
        (Queue(Arc::new(Inner { waiting, clock, metrics })), exit)
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    pub fn put(&self, span: Ended) {
        if self.0.waiting.try_send(span).is_err() {
            self.0.metrics.spans_lost.increment(1);
        }
    }
}
