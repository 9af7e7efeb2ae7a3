//! Traces: what was done for a request, an operation or a job, as spans that a collector of
//! OpenTelemetry puts together and shows.
//!
//! - `parent`: ids, and the headers that carry them. `queue`: where spans wait. `collector` sends
//!   them, in the messages of `wire`.
//! - A span that is open is a [`Span`]; when it is dropped, it has ended. What happens within it is
//!   recorded as part of it, because its [`Place`] is there: in the task that works, and in those
//!   that [`Carry`] takes it to. So a statement need not be told for whom it runs.
//! - Where nothing is recorded, there is no place: because there is no collector, because this
//!   trace is not among those that are chosen, or because the work is done for many at once.
//!
//! `docs/traces.md` lists the spans and their attributes. None has a text, a token, or the value of
//! a statement.

mod collector;
mod parent;
mod queue;
mod wire;

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::HeaderValue;
pub use opentelemetry_proto::tonic::trace::v1::span::SpanKind as Kind;
use tokio::task::futures::TaskLocalFuture;
use tracing::{Instrument, instrument::Instrumented};

use self::queue::{Ended, Queue, Value};
pub use self::{
    collector::Collector,
    parent::{Ids, Parent, TRACERESPONSE, TraceId},
};
use crate::{
    clock::Clock,
    config::Config,
    error::{Error, Result},
    metrics::Metrics,
};

tokio::task_local! {
    /// Where in a trace this task works.
    static HERE: Option<Place>;
}

/// How something failed that has no name, by the conventions of OpenTelemetry.
pub const OTHER: &str = "_OTHER";

/// A span that is recorded, and of which others can become a part.
#[derive(Clone)]
pub struct Place {
    ids: Ids,
    queue: Queue,
}

/// Where this task works; None if nothing is recorded of it.
pub fn here() -> Option<Place> {
    HERE.try_with(Clone::clone).ok().flatten()
}

impl Place {
    pub fn ids(&self) -> Ids {
        self.ids
    }

    /// Begins a span as a part of this one.
    pub fn child(&self, name: impl Into<Cow<'static, str>>, kind: Kind) -> Span {
        let parent = Parent { ids: self.ids, is_sampled: true };
        let mut span = Span::open(&self.queue, self.ids.next(), Some(parent), name.into(), kind);
        span.change(|ended| ended.is_remote = false);
        span
    }

    /// Begins a trace of its own.
    pub fn another(&self, name: impl Into<Cow<'static, str>>, kind: Kind) -> Span {
        Span::open(&self.queue, Ids::random(), None, name.into(), kind)
    }
}

/// What records spans.
pub struct Traces {
    /// None: nothing is recorded.
    queue: Option<Queue>,
    ratio: f64,
    /// Taken by the server that sends.
    collector: Mutex<Option<Collector>>,
}

impl Traces {
    /// Records nothing.
    pub fn off() -> Arc<Self> {
        Arc::new(Traces { queue: None, ratio: 0.0, collector: Mutex::default() })
    }

    /// As the settings want it.
    pub fn open(config: &Config, clock: &Clock, metrics: &Arc<Metrics>) -> Result<Arc<Self>> {
        let Some(address) = config.collector()? else { return Ok(Self::off()) };
        let (queue, exit) = Queue::new(clock.clone(), metrics.clone());
        let collector = Collector::new(exit, address, clock.clone(), metrics.clone())
            .map_err(|why| Error::invalid("otlp_endpoint", why))?;
        let (queue, collector) = (Some(queue), Mutex::new(Some(collector)));
        Ok(Arc::new(Traces { queue, ratio: config.otlp_sample_ratio, collector }))
    }

    /// What sends the spans, once.
    pub fn take_collector(&self) -> Option<Collector> {
        self.collector.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Begins a span that is the first of its trace here. It has ids, for the log and the answer,
    /// if it has a parent or may be recorded.
    pub fn begin(
        &self,
        parent: Option<Parent>,
        name: impl Into<Cow<'static, str>>,
        kind: Kind,
    ) -> Span {
        let ids = match (parent, &self.queue) {
            (Some(parent), _) => parent.ids.next(),
            (None, Some(_)) => Ids::random(),
            (None, None) => return Span::default(),
        };
        let is_sampled = parent.map_or_else(|| ids.is_among(self.ratio), |it| it.is_sampled);
        match self.queue.as_ref().filter(|_| is_sampled) {
            Some(queue) => Span::open(queue, ids, parent, name.into(), kind),
            None => Span { ids: Some(ids), open: None },
        }
    }
}

/// A span that has begun. When it is dropped, it has ended.
#[derive(Default)]
pub struct Span {
    ids: Option<Ids>,
    /// None if it is not recorded.
    open: Option<Open>,
}

struct Open {
    queue: Queue,
    since: Instant,
    /// Taken when it ends.
    ended: Option<Box<Ended>>,
}

impl Span {
    fn open(
        queue: &Queue,
        ids: Ids,
        parent: Option<Parent>,
        name: Cow<'static, str>,
        kind: Kind,
    ) -> Self {
        let ended = Ended {
            ids,
            parent: parent.map(|parent| parent.ids.span),
            is_remote: parent.is_some(),
            name,
            kind,
            start: queue.now(),
            time: Duration::ZERO,
            attributes: Vec::new(),
            links: Vec::new(),
            has_failed: false,
        };
        let (queue, ended) = (queue.clone(), Some(Box::new(ended)));
        Span { ids: Some(ids), open: Some(Open { queue, since: Instant::now(), ended }) }
    }

    /// The id of its trace, for the log.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.ids.map(|ids| TraceId(ids.trace))
    }

    /// What the answer says of it.
    pub fn response(&self) -> Option<HeaderValue> {
        self.ids.and_then(|ids| ids.response(self.is_recorded()))
    }

    pub fn is_recorded(&self) -> bool {
        self.open.is_some()
    }

    /// Where others become a part of it.
    pub fn place(&self) -> Option<Place> {
        let Open { queue, .. } = self.open.as_ref()?;
        Some(Place { ids: self.ids?, queue: queue.clone() })
    }

    /// The same span, which has begun this long ago.
    pub fn begun(mut self, ago: Duration) -> Self {
        if let Some(open) = &mut self.open {
            open.since = open.since.checked_sub(ago).unwrap_or(open.since);
        }
        self.change(|ended| ended.start -= ago);
        self
    }

    pub fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        self.change(|ended| ended.name = name.into());
    }

    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        self.change(|ended| ended.attributes.push((key, value.into())));
    }

    /// Notes that the server has failed in it, and how.
    pub fn fail(&mut self, how: impl Into<Value>) {
        self.set("error.type", how);
        self.change(|ended| ended.has_failed = true);
    }

    /// Notes that it belongs together with a span of another trace.
    pub fn link(&mut self, other: Ids) {
        self.change(|ended| ended.links.push(other));
    }

    fn change(&mut self, change: impl FnOnce(&mut Ended)) {
        if let Some(Open { ended: Some(ended), .. }) = &mut self.open {
            change(ended);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(mut ended) = self.ended.take() {
            ended.time = self.since.elapsed();
            self.queue.put(*ended);
        }
    }
}

/// Does some work in a place, or where nothing is recorded.
pub fn at<F: Future>(place: Option<Place>, work: F) -> TaskLocalFuture<Option<Place>, F> {
    HERE.scope(place, work)
}

/// The same for work that does not wait.
pub fn now_at<T>(place: Option<Place>, work: impl FnOnce() -> T) -> T {
    HERE.sync_scope(place, work)
}

/// A future that another task runs for this one.
pub type Carried<F> = Instrumented<TaskLocalFuture<Option<Place>, F>>;

/// Takes work to another task.
pub trait Carry: Future + Sized {
    /// What the work logs there, and its spans, belong to what is done here.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn carried(self) -> Carried<Self> {
        HERE.scope(here(), self).in_current_span()
    }
}

impl<F: Future> Carry for F {}
