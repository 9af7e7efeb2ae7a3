//! Runs statements, and knows of those that were run: how many, whether one has failed, and which
//! ones were slow.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{
    DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values,
    sqlx::{self, AssertSqlSafe, Executor, IntoArguments},
};
use sea_query_sqlx::SqlxValues;

use super::sql::name_and_text;
use crate::{
    config,
    metrics::Metrics,
    traces::{self, Kind, OTHER},
};

/// How many bytes of a statement without a name represent it in the log.
const LONGEST_BEGINNING: usize = 60;
/// How statements without a name are measured.
const WITHOUT_NAME: &str = "other";

tokio::task_local! {
    /// Set while a job works.
    static IN_BACKGROUND: ();
}

/// Does the work of a job, whose statements are told from those of requests.
pub async fn in_background<T>(work: impl Future<Output = T>) -> T {
    IN_BACKGROUND.scope((), work).await
}

/// A statement that was run.
struct Ran {
    statement: Statement,
    in_background: bool,
}

pub struct Statements {
    /// Whether a statement or transaction has failed since a probe last checked that writing works.
    is_suspect: AtomicBool,
    /// How many requests have run; for tests that count them.
    count: AtomicU64,
    /// Statements that nobody has taken yet; empty until somebody asks for them.
    untaken: OnceLock<Mutex<Vec<Ran>>>,
    /// Statements that take longer than this are logged.
    slow: Option<Duration>,
    pub metrics: Arc<Metrics>,
}

impl Statements {
    pub fn new(settings: &config::Database, metrics: Arc<Metrics>) -> Self {
        Statements {
            is_suspect: AtomicBool::default(),
            count: AtomicU64::default(),
            untaken: OnceLock::default(),
            slow: Some(settings.slow_statement).filter(|slow| !slow.is_zero()),
            metrics,
        }
    }

    /// Records that one has failed.
    pub fn suspect(&self) {
        self.is_suspect.store(true, Ordering::Relaxed);
    }

    /// Whether one had failed; resets this.
    pub fn was_suspect(&self) -> bool {
        self.is_suspect.swap(false, Ordering::Relaxed)
    }

    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Runs a change, and observes it.
    pub async fn execute<C: sqlx::Connection>(
        &self,
        connection: &mut C,
        statement: &Statement,
    ) -> Result<ExecResult, DbErr>
    where
        for<'c> &'c mut C: Executor<'c, Database = C::Database>,
        SqlxValues: IntoArguments<C::Database>,
        ExecResult: From<<C::Database as sqlx::Database>::QueryResult>,
    {
        let since = Instant::now();
        let query = sqlx::query_with(AssertSqlSafe(statement.sql.as_str()), values(statement));
        let ran = query.execute(connection).await;
        self.note(statement, since.elapsed(), ran.is_err());
        ran.map(Into::into).map_err(failed)
    }

    /// Runs a query, or a change with RETURNING, and observes it.
    pub async fn fetch<C: sqlx::Connection>(
        &self,
        connection: &mut C,
        statement: &Statement,
    ) -> Result<Vec<QueryResult>, DbErr>
    where
        for<'c> &'c mut C: Executor<'c, Database = C::Database>,
        SqlxValues: IntoArguments<C::Database>,
        QueryResult: From<<C::Database as sqlx::Database>::Row>,
    {
        let since = Instant::now();
        let query = sqlx::query_with(AssertSqlSafe(statement.sql.as_str()), values(statement));
        let rows = query.fetch_all(connection).await;
        self.note(statement, since.elapsed(), rows.is_err());
        let rows = rows.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))))?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    fn note(&self, statement: &Statement, elapsed: Duration, has_failed: bool) {
        if has_failed {
            self.suspect();
            self.metrics.statement_failed.increment(1);
        }
        trace(statement, elapsed, has_failed);
        let name = name_and_text(&statement.sql).0.unwrap_or(WITHOUT_NAME);
        self.metrics.statement.record(name, |time| time.record(elapsed));
        if self.slow.is_some_and(|slow| elapsed > slow) {
            let milliseconds = elapsed.as_millis() as u64;
            tracing::warn!(name = called(&statement.sql), milliseconds, "a slow statement");
        }
        let in_background = IN_BACKGROUND.try_with(|()| ()).is_ok();
        if !in_background {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(untaken) = self.untaken.get() {
            let mut untaken = untaken.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            untaken.push(Ran { statement: statement.clone(), in_background });
        }
    }

    /// The statements that have been run since the last call: of requests, and perhaps of jobs.
    pub fn take(&self, with_jobs: bool) -> Vec<Statement> {
        let untaken = self.untaken.get_or_init(Mutex::default);
        let mut untaken = untaken.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let wanted = untaken.drain(..).filter(|ran| with_jobs || !ran.in_background);
        wanted.map(|ran| ran.statement).collect()
    }
}

/// Records a statement that has ended as a part of what is done here.
fn trace(statement: &Statement, elapsed: Duration, has_failed: bool) {
    let Some(place) = traces::here() else { return };
    let (name, text) = name_and_text(&statement.sql);
    let verb = text.split_whitespace().next().unwrap_or(WITHOUT_NAME).to_owned();
    let name = name.map(str::to_owned);
    let mut span = place.child(name.clone().unwrap_or_else(|| verb.clone()), Kind::Client);
    span.set("db.system.name", system(statement.db_backend));
    span.set("db.operation.name", verb);
    if let Some(name) = name {
        span.set("db.query.summary", name);
    }
    if has_failed {
        span.fail(OTHER);
    }
    drop(span.begun(elapsed));
}

/// The database, by the conventions of OpenTelemetry.
pub fn system(database: DbBackend) -> &'static str {
    match database {
        DbBackend::Postgres => "postgresql",
        _ => "sqlite",
    }
}

/// The values of a statement, as sqlx binds them.
fn values(statement: &Statement) -> SqlxValues {
    SqlxValues(statement.values.clone().unwrap_or(Values(Vec::new())))
}

/// The error of a change that has failed.
pub fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

/// What a statement is called in the log: its name, or its beginning. Its values are not in its
/// text.
fn called(sql: &str) -> &str {
    let (name, text) = name_and_text(sql);
    name.unwrap_or(&text[..text.floor_char_boundary(LONGEST_BEGINNING)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_called_by_its_comment_or_its_beginning() {
        assert_eq!(called("/* inbox::apply */ UPDATE inbox SET seq = seq + 1"), "inbox::apply");
        assert_eq!(called("SELECT 1 /* one */"), "SELECT 1 /* one */");
        assert_eq!(called("/* without an end"), "/* without an end");
        let long = format!("SELECT '{}'", "ä".repeat(100));
        assert_eq!(called(&long), format!("SELECT '{}", "ä".repeat(26)));
    }
}
