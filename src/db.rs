//! The only way to the database, and the only place that knows which one it is.
//!
//! [`Db::read`] returns a pool for queries. [`Db::begin`] returns a transaction whose
//! [`Tx::commit`] returns when the change is durable, and then tells `inbox::live` whom it
//! concerns. `sqlite` and `postgres` say how each of the two does that, and `dialect` what they
//! spell differently. Nothing here waits forever: a request that cannot be served in time, or that
//! is one too many, gets UNAVAILABLE.
//!
//! # The order of locks
//!
//! A transaction that takes several locks takes them in this order, everywhere: idempotency key,
//! sweep, threads by root, reminders, delivery or expiry or refresh or erasure, targets by name,
//! inboxes by user, withdrawal, recipients by message and user, messages by id, audiences,
//! announcements by id, people by external id, order of commits.
//!
//! - Inboxes are locked by `inbox::lock`, which holds none of them while it waits for another.
//! - People and targets: new ones are inserted in the order of their bytes, then the known ones are
//!   locked in the order of the index. So an insert waits only for other inserts.
//! - *Withdrawal* is an advisory lock. Transactions that take things into inboxes share it
//!   ([`Tx::while_nothing_is_withdrawn`]); a retraction or an expiry holds it exclusively
//!   ([`Tx::withdrawing`]), and locks no inbox meanwhile.
//! - The index of words is locked in the order of progress, what is to be indexed again, what has
//!   lost words, words (`search::index`). Others only note what is to be indexed again, or has lost
//!   words, wherever they change it.
//! - `erasure::erase` locks a person before their erasure: nobody who has locked an erasure asks for
//!   a person.
//! - *Order of commits* is also an advisory lock. One transaction holds it, from right before its
//!   insert until it ends ([`Tx::in_commit_order`]), and takes no other lock after it.
//! - A group is locked to change its members. Such a transaction locks only the group and its
//!   members.
//!
//! On SQLite there is one writer, so there is nothing to lock.

mod beside;
mod dialect;
mod kept;
mod location;
mod plain;
mod postgres;
mod questions;
mod reader;
mod sql;
mod sqlite;
mod statements;
mod tables;
mod together;
mod transaction;

use std::{
    fs::File,
    ops::Deref,
    sync::{Arc, Mutex},
    time::Duration,
};

use ::entity::id::{AnnouncementId, MessageId, TargetId, UserId};
use migration::{Migrator, MigratorTrait};
use sea_orm::Statement;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use questions::Questions;
use statements::{Statements, system};
use together::Together;

use crate::{
    config,
    error::{Error, Result},
    metrics::{Family, Gauge, Metrics},
    traces::{self, Kind, OTHER, Place, Span},
};

pub use beside::{beside, try_to_write};
pub use dialect::{Dialect, JsonType, hex, time};
pub use location::{Location, check_directory, directory, no_directory};
pub use postgres::{Bus, Heard, Listening, PLANS};
pub use reader::Reader;
pub use sql::{Param, Sql, from_json, name_and_text};
pub use sqlite::lock;
pub use statements::in_background;
pub use tables::{Tables, tables};
pub use together::{Apart, Call};
pub use transaction::Transaction;

/// Writes something small. SQLite writes no page for an UPDATE that changes nothing.
const WRITE_PROBE: &str = "INSERT INTO installation (id, epoch, created_at) \
                           SELECT 0, epoch, created_at FROM installation";
/// How long the result of a probe answers later ones: anybody may ask whether the server is ready.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// What the span of a transaction's beginning is called.
const BEGIN: &str = "BEGIN";

/// Something that clients follow. After a commit it is a hint that there may be something new to
/// read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// The inbox of this user.
    Inbox(UserId),
    /// The thread below this root message.
    Thread(MessageId),
    /// What is announced to everybody.
    Announcements,
    /// What is done to this target.
    Target(TargetId),
    /// How far this message has been read.
    Reading(MessageId),
    /// How far this announcement has been read.
    AnnouncementReading(AnnouncementId),
    /// The user themself: who they are and whether they may connect.
    User(UserId),
    /// What the server has to do by itself, and when.
    Jobs,
}

/// What a commit concerns, and when it was made.
pub struct Commit {
    pub topics: Vec<Topic>,
    pub at: Instant,
}

/// A handle to the one database.
#[derive(Clone)]
pub struct Db {
    dialect: Dialect,
    read: Reader,
    write: Write,
    bus: Option<Bus>,
    hints: mpsc::UnboundedSender<Commit>,
    /// SQLite: held while the database is open.
    lock: Arc<Mutex<Option<File>>>,
    statements: Arc<Statements>,
    together: Arc<Together>,
    questions: Arc<Questions>,
    /// When a write was last tried and failed, unless writing is known to work again.
    probe: Arc<tokio::sync::Mutex<Option<Instant>>>,
    /// Cancelled when this handle may begin no more transactions.
    until: CancellationToken,
    /// Whether its transactions are background work.
    in_background: bool,
    /// SQLite: the writer and the checkpoints, which end when they are told to.
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Clone)]
enum Write {
    Pool(postgres::Writers),
    Queue(sqlite::Queue),
}

/// Why a server is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unready {
    DoesNotAnswer,
    /// There are no tables, or those of an earlier version.
    HasOtherTables,
    CannotBeWrittenTo,
}

/// A transaction that writes. Dropping it rolls it back.
pub struct Tx {
    // Dropped first: SQLite's writer has its connection for itself when `group` is dropped.
    inner: Transaction,
    group: Option<sqlite::Membership>,
    /// PostgreSQL: a share of the connections, passed to the next when this has ended.
    _place: Option<OwnedSemaphorePermit>,
    statements: Arc<Statements>,
    topics: Mutex<Vec<Topic>>,
    hints: mpsc::UnboundedSender<Commit>,
}

impl Db {
    /// Opens the database with the default settings.
    pub async fn open(url: &str) -> Result<(Self, mpsc::UnboundedReceiver<Commit>)> {
        Self::open_with(url, &config::Database::default()).await
    }

    /// Opens the database, and measures nothing.
    pub async fn open_with(
        url: &str,
        settings: &config::Database,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Commit>)> {
        Self::open_measured(url, settings, Metrics::off()).await
    }

    /// Opens the database, and creates the file of a new SQLite database. The receiver hears what
    /// every commit concerns.
    pub async fn open_measured(
        url: &str,
        settings: &config::Database,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Commit>)> {
        if settings.readers == Some(0) || settings.queue == 0 {
            let name = if settings.queue == 0 { "database.queue" } else { "database.readers" };
            return Err(Error::invalid(name, "must be at least 1"));
        }
        let (hints, heard) = mpsc::unbounded_channel();
        let db = match Location::of(url)? {
            Location::Sqlite(path) => sqlite::open(&path, settings, hints, metrics).await?,
            Location::Postgres(_) => postgres::open(url, settings, hints, metrics).await?,
        };
        Ok((db, heard))
    }

    /// Opens a database beside the servers that have it open. The file of a SQLite database must be
    /// there already, and can only be read: it has one writer, whose followers would not hear of
    /// what another process changes.
    pub async fn open_beside(
        url: &str,
        settings: &config::Database,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Commit>)> {
        let (hints, heard) = mpsc::unbounded_channel();
        let db = match Location::of(url)? {
            Location::Sqlite(path) => sqlite::open_beside(&path, settings, hints).await?,
            Location::Postgres(_) => postgres::open(url, settings, hints, Metrics::off()).await?,
        };
        Ok((db, heard))
    }

    /// The same database for background work, in many transactions: it begins none once the server
    /// is to end, and never waits long for a lock.
    pub fn in_background(&self, end: CancellationToken) -> Self {
        Db { until: end, in_background: true, ..self.clone() }
    }

    /// How many statements requests have run; for tests that count them.
    pub fn statement_count(&self) -> u64 {
        self.statements.count()
    }

    /// The statements that have been run since the last call; for tests that look at their plans.
    pub fn take_statements(&self) -> Vec<Statement> {
        self.statements.take(true)
    }

    /// Those of them that requests have run, and not jobs.
    pub fn take_statements_of_requests(&self) -> Vec<Statement> {
        self.statements.take(false)
    }

    /// The connections for queries. They cannot write.
    pub fn read(&self) -> &Reader {
        &self.read
    }

    /// Begins a transaction that writes. It waits for SQLite's writer, or for one of PostgreSQL's
    /// connections.
    pub async fn begin(&self) -> Result<Tx> {
        self.begin_with(self.in_background).await
    }

    /// As [`Db::begin`], but on PostgreSQL the transaction never waits long for a lock.
    pub async fn begin_impatient(&self) -> Result<Tx> {
        self.begin_with(true).await
    }

    async fn begin_with(&self, is_impatient: bool) -> Result<Tx> {
        within(BEGIN, self.dialect, self.begin_now(is_impatient)).await
    }

    async fn begin_now(&self, is_impatient: bool) -> Result<Tx> {
        if self.until.is_cancelled() {
            return Err(Error::Unavailable("the server is stopping".into()));
        }
        let since = Instant::now();
        let (inner, group, _place) = match &self.write {
            Write::Pool(writers) => {
                let (transaction, place) = writers.begin(is_impatient).await?;
                (transaction, None, Some(place))
            }
            Write::Queue(queue) => {
                let turn = queue.turn().await?;
                let transaction = Transaction::sqlite(turn.connection, self.statements.clone());
                (transaction, Some(turn.membership), None)
            }
        };
        let (statements, hints) = (self.statements.clone(), self.hints.clone());
        statements.metrics.begin.record(since.elapsed());
        Ok(Tx { inner, group, _place, statements, topics: Mutex::default(), hints })
    }

    /// Whether the server can do its work: the database answers, has the tables of this server, and
    /// can be written to.
    ///
    /// As long as nothing has failed, nothing is written to find that out.
    pub async fn check(&self) -> Result<(), Unready> {
        match tables(&self.read).await {
            Ok(tables) if tables.can_be_used() => {}
            Ok(_) => return Err(Unready::HasOtherTables),
            Err(_) => return Err(Unready::DoesNotAnswer),
        }
        // One at a time: the others get its result.
        let mut failed_at = self.probe.lock().await;
        if failed_at.is_some_and(|at| at.elapsed() < PROBE_INTERVAL) {
            return Err(Unready::CannotBeWrittenTo);
        }
        if !self.statements.was_suspect() && failed_at.is_none() {
            return Ok(());
        }
        *failed_at = match self.try_to_write().await {
            Ok(()) => None,
            Err(error) => {
                tracing::warn!(?error, "the database cannot be written to");
                Some(Instant::now())
            }
        };
        failed_at.map_or(Ok(()), |_| Err(Unready::CannotBeWrittenTo))
    }

    /// A small durable write that leaves nothing behind.
    async fn try_to_write(&self) -> Result<()> {
        let tx = self.begin().await?;
        tx.sql("db::write_probe").push(WRITE_PROBE).run(&*tx).await?;
        let mut delete = tx.sql("db::delete_probe");
        delete.push("DELETE FROM installation WHERE id = 0").run(&*tx).await?;
        tx.commit().await
    }

    /// For tests.
    pub fn is_postgres(&self) -> bool {
        self.dialect == Dialect::Postgres
    }

    /// Brings the tables up to date, one process at a time.
    pub async fn migrate(&self) -> Result<()> {
        tables(&self.read).await?.can_be_brought_up_to_date()?;
        match &self.write {
            Write::Pool(writers) => writers.migrate().await,
            Write::Queue(queue) => {
                queue.change_tables(async |tx| Migrator::up(tx, None).await).await
            }
        }
    }

    /// Reverts all migrations, and deletes everything with them.
    pub async fn unmigrate(&self) -> Result<()> {
        match &self.write {
            Write::Pool(writers) => writers.unmigrate().await,
            Write::Queue(queue) => {
                queue.change_tables(async |tx| Migrator::down(tx, None).await).await
            }
        }
    }

    /// Notes for the metrics what is in use at the moment.
    pub fn observe(&self) {
        let show = |pool: &Family<Gauge>, (busy, all): (usize, usize)| {
            pool.record("busy", |gauge| gauge.set(busy as f64));
            pool.record("idle", |gauge| gauge.set(all.saturating_sub(busy) as f64));
        };
        let metrics = &self.statements.metrics;
        let waiting = match &self.write {
            Write::Pool(writers) => {
                show(&metrics.pool_of_writers, writers.in_use());
                writers.waiting()
            }
            Write::Queue(queue) => queue.waiting(),
        };
        metrics.write_queue.set(waiting as f64);
        show(&metrics.pool_of_readers, self.read.in_use());
    }

    /// How this database spells what the two databases spell differently.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Begins a statement for this database.
    pub fn sql(&self, name: &'static str) -> Sql {
        Sql::new(name, self.dialect())
    }

    /// The connection to the other servers on this database, where there can be any.
    pub fn bus(&self) -> Option<Bus> {
        self.bus.clone()
    }

    /// Ends everything in progress: no new transaction begins, and PostgreSQL rolls back those that
    /// have begun.
    pub async fn cut_off(&self) {
        self.stop.cancel();
        if let Write::Pool(writers) = &self.write {
            writers.cut_off(&self.read).await;
        }
    }

    /// Closes all connections, SQLite's after its log has been folded into the database.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Write::Pool(writers) = &self.write {
            writers.close().await;
        }
        if let Some(bus) = &self.bus {
            bus.close().await;
        }
        self.read.close().await;
        let lock = self.lock.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        // Not only closed: a process that this one is starting also has the file, until it runs its
        // own program.
        if let Some(Err(error)) = lock.map(|lock| lock.unlock()) {
            tracing::warn!(%error, "the lock of the database goes with this process");
        }
    }
}

/// The span of the beginning or the end of a transaction.
fn span(place: Option<Place>, what: &'static str, dialect: Dialect) -> Span {
    let mut span = place.map(|place| place.child(what, Kind::Client)).unwrap_or_default();
    span.set("db.system.name", system(dialect.backend()));
    span.set("db.operation.name", what);
    span
}

/// Records the beginning or the end of a transaction as a part of what is done here.
async fn within<T>(
    what: &'static str,
    dialect: Dialect,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut span = span(traces::here(), what, dialect);
    let outcome = work.await;
    if outcome.is_err() {
        span.fail(OTHER);
    }
    outcome
}

impl Deref for Tx {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.inner
    }
}

impl Tx {
    /// Names what the change concerns; its followers are woken after the commit.
    pub fn concerns(&self, topics: impl IntoIterator<Item = Topic>) {
        self.topics.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend(topics);
    }

    /// Returns when the change is durable.
    pub async fn commit(self) -> Result<()> {
        within("COMMIT", self.dialect(), self.commit_now()).await
    }

    async fn commit_now(self) -> Result<()> {
        let since = Instant::now();
        self.inner.commit().await.inspect_err(|_| self.statements.suspect())?;
        if let Some(group) = self.group {
            // The writer goes on by itself: a caller that stops waiting for this must not stop the
            // commit halfway through.
            let _ = group.done.send(());
            group.durable.await.map_err(|_| sqlite::stopped())??;
        }
        let topics = self.topics.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        let at = Instant::now();
        self.statements.metrics.commit.record(at - since);
        if !topics.is_empty() {
            // Nobody listens when the server is stopping; the change is durable anyway.
            let _ = self.hints.send(Commit { topics, at });
        }
        Ok(())
    }

    /// Gives what this transaction inserts from here on its place in the order of commits, among
    /// all transactions that ask for one: it waits for those before it to end. Call it right before
    /// the insert.
    pub async fn in_commit_order(&self) -> Result<()> {
        self.advisory_lock("pg_advisory_xact_lock", postgres::ORDER_LOCK).await
    }

    /// Keeps announcements and activities from being withdrawn until this transaction ends.
    pub async fn while_nothing_is_withdrawn(&self) -> Result<()> {
        self.advisory_lock("pg_advisory_xact_lock_shared", postgres::WITHDRAWAL_LOCK).await
    }

    /// Waits for all transactions in [`Tx::while_nothing_is_withdrawn`], and makes later ones wait
    /// until this transaction ends.
    pub async fn withdrawing(&self) -> Result<()> {
        self.advisory_lock("pg_advisory_xact_lock", postgres::WITHDRAWAL_LOCK).await
    }

    /// Tells every server when this is committed, on PostgreSQL: SQLite has one process, which
    /// hears through [`Tx::concerns`].
    pub async fn notify(&self, payload: &str) -> Result<()> {
        match self.dialect() {
            Dialect::Sqlite => Ok(()),
            Dialect::Postgres => {
                let mut sql = self.sql("db::notify");
                let (channel, payload) = (sql.bind(postgres::CHANNEL), sql.bind(payload));
                sql.push(format!("SELECT CAST(pg_notify({channel}, {payload}) AS text)"));
                sql.rows(&self.inner).await.map(drop)
            }
        }
    }

    /// SQLite's one writer needs no advisory lock.
    async fn advisory_lock(&self, function: &str, lock: i64) -> Result<()> {
        match self.dialect() {
            Dialect::Sqlite => Ok(()),
            Dialect::Postgres => {
                let mut sql = self.sql("db::advisory_lock");
                let lock = sql.bind(lock);
                sql.push(format!("SELECT CAST({function}({lock}) AS text)"));
                sql.rows(&self.inner).await.map(drop)
            }
        }
    }

    /// Begins a statement for this database.
    pub fn sql(&self, name: &'static str) -> Sql {
        Sql::new(name, self.dialect())
    }

    /// How this database spells what the two databases spell differently.
    pub fn dialect(&self) -> Dialect {
        Dialect::of(&self.inner)
    }
}
