//! The handles with which values are recorded. Each is made once; recording is a few atomic
//! operations, and nothing at all where nobody measures.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::PrometheusRecorder;

use super::table::Metric;

/// What makes handles; None where nobody measures.
#[derive(Clone)]
pub struct Source(pub Option<Arc<PrometheusRecorder>>);

/// What can be recorded with.
pub trait Handle: Sized {
    fn register(recorder: &PrometheusRecorder, key: &Key) -> Self;
    fn noop() -> Self;
}

const METADATA: Metadata<'static> = Metadata::new("tidings", Level::INFO, None);

macro_rules! handle {
    ($($handle:ident $register:ident),*) => {
        $(impl Handle for $handle {
            fn register(recorder: &PrometheusRecorder, key: &Key) -> Self {
                recorder.$register(key, &METADATA)
            }

            fn noop() -> Self {
                $handle::noop()
            }
        })*
    };
}

handle!(Counter register_counter, Gauge register_gauge, Histogram register_histogram);

impl Source {
    /// The handle of a metric with these values of its labels.
    pub fn handle<H: Handle>(&self, metric: &Metric, values: &[&str]) -> H {
        let Some(recorder) = &self.0 else { return H::noop() };
        debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
        let label = |(name, value): (&&'static str, &&str)| Label::new(*name, (*value).to_owned());
        let labels: Vec<_> = metric.labels.iter().zip(values).map(label).collect();
        H::register(recorder, &Key::from_parts(metric.name, labels))
    }

    /// The handles of a metric whose last label has values that turn up one by one; those before it
    /// are given.
    pub fn family<H: Handle>(&self, metric: &'static Metric, first: &[&'static str]) -> Family<H> {
        Family { source: self.clone(), metric, first: first.to_vec(), made: RwLock::default() }
    }
}

/// The handles of one metric, by the value of its last label.
pub struct Family<H> {
    source: Source,
    metric: &'static Metric,
    first: Vec<&'static str>,
    made: RwLock<HashMap<Box<str>, H>>,
}

impl<H: Handle> Family<H> {
    /// Records something for this value of the label.
    pub fn record(&self, value: &str, record: impl FnOnce(&H)) {
        if self.source.0.is_none() {
            return;
        }
        if let Some(handle) = self.made.read().unwrap_or_else(PoisonError::into_inner).get(value) {
            return record(handle);
        }
        let mut made = self.made.write().unwrap_or_else(PoisonError::into_inner);
        record(made.entry(value.into()).or_insert_with(|| {
            let values = [&self.first[..], &[value]].concat();
            self.source.handle(self.metric, &values)
        }));
    }
}

impl Family<Counter> {
    /// Counts one.
    pub fn count(&self, value: &str) {
        self.record(value, |counter| counter.increment(1));
    }

    /// Shows these values as 0 before they occur for the first time, so that the first is seen as
    /// an increase.
    pub fn beginning_with(self, values: &[&str]) -> Self {
        for value in values {
            self.record(value, |_| {});
        }
        self
    }
}

/// Something that is open: it counts until it is dropped.
pub struct Open(Gauge);

impl Open {
    pub fn new(gauge: &Gauge) -> Self {
        gauge.increment(1);
        Open(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
