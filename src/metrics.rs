//! What an operator can measure, for Prometheus: counts and times of everything that a server does,
//! and what it holds.
//!
//! `table` describes each metric once; `family` has the handles to record with, which are made once.
//! Counters and times are recorded where something happens; what the server holds at the moment is
//! looked at when somebody asks (`http::metrics`). Nothing is recorded unless `metrics_listen` is
//! set: each handle is then empty.
//!
//! No label says who somebody is, or what they have written.

mod family;
mod table;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_graphql::parser::types::OperationType;
use chrono::{DateTime, Utc};
use metrics::{Counter, Histogram, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use metrics_process::Collector;
use tokio::{net::TcpListener, time::sleep};

use crate::error::{Error, Result};

pub use family::{Family, Open};
pub use metrics::Gauge;
pub use table::{
    ALL, CONNECTIONS, FILES, FILES_LIMIT, FOLLOWERS, Kind, Metric, SOCKETS, STREAMS, SUBSCRIPTIONS,
};

use family::Source;

/// How often recorded times are sorted into their histograms: each takes memory until then.
const UPKEEP: Duration = Duration::from_secs(5);

/// How a GraphQL request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Http,
    Events,
    Websocket,
}

/// The handles of everything that is measured. The fields are named like the metrics in `table`.
pub struct Metrics {
    source: Source,
    /// Taken by the server that answers on it.
    listener: Mutex<Option<TcpListener>>,
    address: Option<SocketAddr>,
    operations: [[OfOperations; 3]; 4],
    /// By the route, and then by the status.
    http: HashMap<&'static str, Family<Counter>>,
    pub refused: Family<Counter>,
    pub connections: Gauge,
    pub sockets: Gauge,
    pub sockets_closed: Family<Counter>,
    pub streams: Gauge,
    pub subscriptions: Gauge,
    /// Those of event streams and of websockets, by the reason.
    subscriptions_ended: [Family<Counter>; 2],
    pub followers: Gauge,
    pub live_delay: Histogram,
    pub own_hints: Counter,
    pub hints_of_others: Counter,
    pub hints_lost: Counter,
    pub hint_gaps: Counter,
    pub pull: Histogram,
    pub pull_failed: Counter,
    pub pull_waiting: Gauge,
    pub job: Family<Histogram>,
    pub job_failed: Family<Counter>,
    pub job_left: Family<Gauge>,
    job_lag: Family<Gauge>,
    /// Since when each job has had something to do; None: it has nothing.
    jobs_due: Mutex<HashMap<&'static str, Option<DateTime<Utc>>>>,
    pub statement: Family<Histogram>,
    pub statement_failed: Counter,
    pub begin: Histogram,
    pub commit: Histogram,
    pub group: Histogram,
    pub together: Histogram,
    pub questions: Histogram,
    pub write_queue: Gauge,
    pub pool_of_readers: Family<Gauge>,
    pub pool_of_writers: Family<Gauge>,
    pub log_pages: Gauge,
    pub budget: Family<Gauge>,
    pub budget_size: Family<Gauge>,
    pub budget_waiting: Family<Gauge>,
    pub lost_lines: Counter,
    pub spans_lost: Counter,
}

/// The requests of one kind that came in one way.
struct OfOperations {
    /// By their code.
    count: Family<Counter>,
    time: Histogram,
}

/// The kinds of operations, in the order of `OfOperations`, as their labels.
const KINDS: [&str; 4] = ["query", "mutation", "subscription", "none"];
const TRANSPORTS: [&str; 3] = ["http", "events", "websocket"];
/// The code of what went well.
pub const OK: &str = "OK";
/// The code of a defect (`ErrorCode`). An alert is about each, also about the first.
const DEFECT: &str = "INTERNAL_SERVER_ERROR";

/// The name of an operation's kind, where it is known.
pub fn kind_name(kind: Option<OperationType>) -> &'static str {
    KINDS[index(kind)]
}

fn index(kind: Option<OperationType>) -> usize {
    match kind {
        Some(OperationType::Query) => 0,
        Some(OperationType::Mutation) => 1,
        Some(OperationType::Subscription) => 2,
        None => 3,
    }
}

impl Transport {
    pub fn name(self) -> &'static str {
        TRANSPORTS[self as usize]
    }
}

impl Metrics {
    /// Measures nothing.
    pub fn off() -> Arc<Self> {
        Arc::new(Self::new(Source(None), None))
    }

    /// Measures, and will answer here.
    pub fn on(listener: TcpListener) -> Result<Arc<Self>> {
        let source = Source(Some(Arc::new(recorder()?)));
        Ok(Arc::new(Self::new(source, Some(listener))))
    }

    fn new(source: Source, listener: Option<TcpListener>) -> Self {
        let counter = |metric, values: &[&str]| source.handle::<Counter>(metric, values);
        let gauge = |metric| source.handle::<Gauge>(metric, &[]);
        let time = |metric| source.handle::<Histogram>(metric, &[]);
        let counters = |metric| source.family::<Counter>(metric, &[]);
        let gauges = |metric| source.family::<Gauge>(metric, &[]);
        let operations = KINDS.map(|kind| {
            TRANSPORTS.map(|transport| OfOperations {
                count: source
                    .family::<Counter>(&table::OPERATIONS, &[kind, transport])
                    .beginning_with(&[OK, DEFECT]),
                time: match kind {
                    "subscription" => Histogram::noop(),
                    _ => source.handle(&table::OPERATION_TIME, &[kind, transport]),
                },
            })
        });
        let http = ROUTES.map(|route| (route, source.family(&table::HTTP, &[route])));
        Metrics {
            address: listener.as_ref().and_then(|listener| listener.local_addr().ok()),
            listener: Mutex::new(listener),
            operations,
            http: http.into(),
            refused: counters(&table::REFUSED).beginning_with(&[
                "connections",
                "sockets_before_init",
                "sockets",
                "operations",
                "operations_per_socket",
                "large_requests",
                "transactions",
            ]),
            connections: gauge(&table::CONNECTIONS),
            sockets: gauge(&table::SOCKETS),
            sockets_closed: counters(&table::SOCKETS_CLOSED).beginning_with(&["client_left"]),
            streams: gauge(&table::STREAMS),
            subscriptions: gauge(&table::SUBSCRIPTIONS),
            subscriptions_ended: [Transport::Events, Transport::Websocket].map(|transport| {
                let of_transport =
                    source.family::<Counter>(&table::SUBSCRIPTIONS_ENDED, &[transport.name()]);
                of_transport.beginning_with(&["client_left"])
            }),
            followers: gauge(&table::FOLLOWERS),
            live_delay: time(&table::LIVE_DELAY),
            own_hints: counter(&table::HINTS, &["own"]),
            hints_of_others: counter(&table::HINTS, &["others"]),
            hints_lost: counter(&table::HINTS_LOST, &[]),
            hint_gaps: counter(&table::HINT_GAPS, &[]),
            pull: time(&table::PULL),
            pull_failed: counter(&table::PULL_FAILED, &[]),
            pull_waiting: gauge(&table::PULL_WAITING),
            job: source.family(&table::JOB, &[]),
            job_failed: counters(&table::JOB_FAILED),
            job_left: gauges(&table::JOB_LEFT),
            job_lag: gauges(&table::JOB_LAG),
            jobs_due: Mutex::default(),
            statement: source.family(&table::STATEMENT, &[]),
            statement_failed: counter(&table::STATEMENT_FAILED, &[]),
            begin: time(&table::BEGIN),
            commit: time(&table::COMMIT),
            group: time(&table::GROUP),
            together: time(&table::TOGETHER),
            questions: time(&table::QUESTIONS),
            write_queue: gauge(&table::WRITE_QUEUE),
            pool_of_readers: source.family(&table::POOL, &["read"]),
            pool_of_writers: source.family(&table::POOL, &["write"]),
            log_pages: gauge(&table::LOG_PAGES),
            budget: gauges(&table::BUDGET),
            budget_size: gauges(&table::BUDGET_SIZE),
            budget_waiting: gauges(&table::BUDGET_WAITING),
            lost_lines: counter(&table::LOST_LINES, &[]),
            spans_lost: counter(&table::SPANS_LOST, &[]),
            source,
        }
    }

    /// Where the metrics are answered; None if nothing is measured.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// What the server is to answer on, once.
    pub fn take_listener(&self) -> Option<TcpListener> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Counts a GraphQL request that was answered.
    pub fn operation(
        &self,
        kind: Option<OperationType>,
        transport: Transport,
        code: &str,
        time: Duration,
    ) {
        let of = &self.operations[index(kind)][transport as usize];
        of.count.count(code);
        of.time.record(time);
    }

    /// Counts a subscription that has ended.
    pub fn subscription_ended(&self, transport: Transport, reason: &str) {
        let [of_events, of_websockets] = &self.subscriptions_ended;
        match transport {
            Transport::Websocket => of_websockets.count(reason),
            Transport::Events | Transport::Http => of_events.count(reason),
        }
    }

    /// Counts an HTTP request that was answered.
    pub fn http_request(&self, route: &str, status: &str) {
        if let Some(of_route) = self.http.get(route) {
            of_route.count(status);
        }
    }

    /// Notes what a job found: since when something is due, and of how many things.
    pub fn job_looked(&self, job: &'static str, due: Option<DateTime<Utc>>, things: usize) {
        if self.address.is_none() {
            return;
        }
        self.job_left.record(job, |gauge| gauge.set(things as f64));
        let mut jobs = self.jobs_due();
        let known = jobs.entry(job).or_default();
        // Something later may be due next, but the job has not been done with everything meanwhile.
        *known = due.map(|due| known.map_or(due, |since| since.min(due)));
    }

    fn jobs_due(&self) -> MutexGuard<'_, HashMap<&'static str, Option<DateTime<Utc>>>> {
        self.jobs_due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says which server this is.
    pub fn says_what_it_is(&self, version: &str, database: &str) {
        self.source.handle::<Gauge>(&table::BUILD, &[version, database]).set(1.0);
    }

    /// Everything that was recorded, in Prometheus' text format.
    pub fn text(&self, now: DateTime<Utc>) -> String {
        let Some(recorder) = &self.source.0 else { return String::new() };
        for (job, due) in &*self.jobs_due() {
            let lag = due.map_or(0, |due| (now - due).num_milliseconds().max(0));
            self.job_lag.record(job, |gauge| gauge.set(lag as f64 / 1000.0));
        }
        metrics::with_local_recorder(&**recorder, || Collector::default().collect());
        recorder.handle().render()
    }

    /// Keeps what was recorded in little memory, also while nobody asks for it.
    pub async fn keep_small(&self) {
        let Some(recorder) = &self.source.0 else { return };
        let handle = recorder.handle();
        loop {
            sleep(UPKEEP).await;
            handle.run_upkeep();
        }
    }
}

/// The routes that HTTP requests are counted by.
const ROUTES: [&str; 4] = ["graphql", "reports", "health", "pages"];

/// A recorder that knows what each metric is.
fn recorder() -> Result<PrometheusRecorder> {
    let mut builder = PrometheusBuilder::new();
    for metric in ALL.iter().filter(|metric| metric.kind == Kind::Histogram) {
        let name = Matcher::Full(metric.name.to_owned());
        let bounds = builder.set_buckets_for_metric(name, metric.bounds());
        builder = bounds.map_err(|error| Error::internal(error))?;
    }
    let recorder = builder.build_recorder();
    for Metric { name, kind, help, .. } in ALL {
        let (name, help) = ((*name).into(), (*help).into());
        match kind {
            Kind::Counter => recorder.describe_counter(name, None, help),
            Kind::Gauge => recorder.describe_gauge(name, None, help),
            Kind::Histogram => recorder.describe_histogram(name, None, help),
        }
    }
    Ok(recorder)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It is counted from when it was due first, and no longer once nothing is due.
    #[tokio::test]
    async fn a_job_is_behind_for_as_long_as_something_is_due() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let metrics = Metrics::on(listener).unwrap();
        let due: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let minute = chrono::TimeDelta::minutes(1);
        let shown =
            |job: &str, lag| format!("tidings_job_lag_seconds{{job_name=\"{job}\"}} {lag}\n");
        metrics.job_looked("expire", Some(due), 1);
        metrics.job_looked("expire", Some(due + minute), 1);
        assert!(metrics.text(due + minute).contains(&shown("expire", 60)));

        metrics.job_looked("expire", None, 0);

        assert!(metrics.text(due + minute).contains(&shown("expire", 0)));
    }

    #[test]
    fn nothing_is_kept_where_nobody_measures() {
        let metrics = Metrics::off();
        metrics.refused.count("connections");
        metrics.job_looked("expire", Some(DateTime::UNIX_EPOCH), 1);
        assert!(metrics.jobs_due().is_empty() && metrics.text(DateTime::UNIX_EPOCH).is_empty());
    }
}
