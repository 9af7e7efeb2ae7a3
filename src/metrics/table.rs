//! Everything that a server measures. `docs/metrics.md` is this table.

/// How a metric changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from the start of the server.
    Counter,
    /// Rises and falls.
    Gauge,
    /// How many values were at most as large as each of its bounds.
    Histogram,
}

/// One metric, as Prometheus shows it.
#[derive(Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    /// The names of its labels. Each has few values: never what a client or a person has written,
    /// nor who they are.
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// Seconds, from what takes no time to what somebody gives up on.
const TIMES: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// The same for each of some hundred statements.
const ROUGH_TIMES: &[f64] = &[0.001, 0.01, 0.1, 1.0];
/// How many calls, transactions or questions were done together.
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

impl Metric {
    /// The bounds of a histogram.
    pub fn bounds(&self) -> &'static [f64] {
        match self.name {
            name if name == STATEMENT.name => ROUGH_TIMES,
            name if [GROUP.name, TOGETHER.name, QUESTIONS.name].contains(&name) => SIZES,
            _ => TIMES,
        }
    }
}

impl Kind {
    /// As in the exposition format.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// Declares the metrics, and the table of all of them.
macro_rules! table {
    ($($id:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub const $id: Metric = Metric {
            name: $name,
            kind: Kind::$kind,
            labels: &[$($label),*],
            help: $help,
        };)*

        /// All of them, in the order of the documentation.
        pub const ALL: &[Metric] = &[$($id),*];
    };
}

table! {
    BUILD: Gauge "tidings_build_info" ["version", "database"]
        "Is 1: the version of the server, and its database (sqlite or postgres).";

    OPERATIONS: Counter "tidings_operations_total" ["kind", "transport", "code"]
        "GraphQL requests that were answered, by the kind of their operation (query, mutation, \
         subscription; none if it was not found out), by how they came (http, events, websocket), \
         and by the code of their first error (ErrorCode in the schema), or OK. A subscription \
         counts when it ends.";
    OPERATION_TIME: Histogram "tidings_operation_duration_seconds" ["kind", "transport"]
        "Time from a GraphQL request to its answer. Subscriptions are not in it.";
    HTTP: Counter "tidings_http_requests_total" ["route", "status"]
        "HTTP requests that were answered, by route (graphql, reports, health, pages) and status.";
    REFUSED: Counter "tidings_refused_total" ["limit"]
        "What was refused because a limit was reached: connections, sockets_before_init, sockets, \
         operations, operations_per_socket, large_requests, transactions. Operations that are too \
         many for a minute have the code RATE_LIMITED in tidings_operations_total.";
    CONNECTIONS: Gauge "tidings_http_connections" []
        "HTTP connections that are open, without websockets.";

    SOCKETS: Gauge "tidings_websockets" [] "Websockets that are open.";
    SOCKETS_CLOSED: Counter "tidings_websockets_closed_total" ["reason"]
        "Websockets that have ended, by the reason: client_left, or why the server closed them.";
    STREAMS: Gauge "tidings_event_streams" [] "Event streams that are open.";
    SUBSCRIPTIONS: Gauge "tidings_subscriptions" []
        "Subscriptions that are open, on websockets and event streams.";
    SUBSCRIPTIONS_ENDED: Counter "tidings_subscriptions_ended_total" ["transport", "reason"]
        "Subscriptions that have ended, by how they came (events, websocket) and the reason: \
         client_left (the client has completed it, or its connection has ended), failed, \
         interrupted (the client continues after it has reconnected), or why the server ended an \
         event stream.";

    FOLLOWERS: Gauge "tidings_live_followers" [] "Inboxes that are followed on this server.";
    LIVE_DELAY: Histogram "tidings_live_delay_seconds" []
        "Time from a commit, or from when this server heard of it, until the client's connection \
         has taken the frame of an update. Each frame counts, so the slowest are the last ones of \
         their commits.";
    HINTS: Counter "tidings_live_hints_total" ["from"]
        "Commits that followers were told of: from this server (own) or another one (others).";
    HINTS_LOST: Counter "tidings_live_hints_lost_total" []
        "Updates that a follower found only because it looked by itself after five seconds.";
    HINT_GAPS: Counter "tidings_live_hint_gaps_total" []
        "How often the connection on which the servers tell each other of commits was lost.";

    PULL: Histogram "tidings_pull_duration_seconds" []
        "Time of a pass in which those who are connected took in announcements and activities.";
    PULL_FAILED: Counter "tidings_pull_failures_total" []
        "Passes that failed and were repeated.";
    PULL_WAITING: Gauge "tidings_pull_inboxes_waiting" []
        "Inboxes that could not take in what is new, because they were locked or a pass failed.";

    JOB: Histogram "tidings_job_part_duration_seconds" ["job_name"]
        "Time of a part of a job, by the name of the job.";
    JOB_FAILED: Counter "tidings_job_failures_total" ["job_name"]
        "Rounds of a job in which something failed that is tried again.";
    JOB_LEFT: Gauge "tidings_job_things_left" ["job_name"]
        "How many things a job found to work on at its last look, at most 100; 0 when nothing is \
         due.";
    JOB_LAG: Gauge "tidings_job_lag_seconds" ["job_name"]
        "For how long something has been due that the job has not finished; 0 when nothing is due.";

    STATEMENT: Histogram "tidings_db_statement_duration_seconds" ["statement"]
        "Time of a statement, by its name in the source; other is what has no name.";
    STATEMENT_FAILED: Counter "tidings_db_statement_failures_total" []
        "Statements that failed.";
    BEGIN: Histogram "tidings_db_begin_wait_seconds" []
        "How long a transaction waited for SQLite's writer, or for a connection to PostgreSQL.";
    COMMIT: Histogram "tidings_db_commit_duration_seconds" []
        "Time from the end of a transaction until it was durable.";
    GROUP: Histogram "tidings_db_group_transactions" []
        "SQLite: how many transactions were made durable together.";
    TOGETHER: Histogram "tidings_db_turn_calls" []
        "How many calls that waited at the same time were made together, in one transaction.";
    QUESTIONS: Histogram "tidings_db_question_group" []
        "How many queries that waited at the same time were asked together, in one statement.";
    WRITE_QUEUE: Gauge "tidings_db_write_queue" []
        "Transactions that wait for SQLite's writer, or for a connection to PostgreSQL.";
    POOL: Gauge "tidings_db_pool_connections" ["pool", "state"]
        "Connections of a pool (read, and on PostgreSQL write) that are in use (busy) or not (idle).";
    LOG_PAGES: Gauge "tidings_db_sqlite_log_pages" []
        "SQLite: pages of 4 KiB in its log at the last checkpoint.";

    BUDGET: Gauge "tidings_budget_held" ["budget"]
        "What callers hold of a budget now: answers (bytes of answers and updates), operations.";
    BUDGET_SIZE: Gauge "tidings_budget_limit" ["budget"] "How much of a budget there is.";
    BUDGET_WAITING: Gauge "tidings_budget_waiting" ["budget"]
        "Callers that wait for room in a budget.";

    LOST_LINES: Counter "tidings_log_lines_lost_total" []
        "Lines of the log that were not written, because 10000 were waiting already.";
    SPANS_LOST: Counter "tidings_spans_lost_total" []
        "Spans that were not sent, because 8192 were waiting already, or that the collector did not \
         take.";

    CPU: Counter "process_cpu_seconds_total" [] "Time of processors that the process has used.";
    MEMORY: Gauge "process_resident_memory_bytes" [] "Memory of the process that is in RAM.";
    VIRTUAL_MEMORY: Gauge "process_virtual_memory_bytes" [] "Addresses that the process has reserved.";
    VIRTUAL_MEMORY_LIMIT: Gauge "process_virtual_memory_max_bytes" []
        "Addresses that the process may reserve.";
    FILES: Gauge "process_open_fds" [] "Files and sockets that are open.";
    FILES_LIMIT: Gauge "process_max_fds" [] "Files and sockets that may be open.";
    STARTED: Gauge "process_start_time_seconds" [] "When the process started, in Unix time.";
    THREADS: Gauge "process_threads" [] "Threads of the process.";
}
