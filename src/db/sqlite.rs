//! SQLite has one writer. Transactions queue for its connection and are committed in groups: each
//! is a savepoint of one outer transaction, and one COMMIT (one fsync) makes everything durable
//! that queued meanwhile. If a COMMIT fails, every member of its group fails. Readers have separate
//! connections, and so do checkpoints. A lock on a file beside the database keeps a second process
//! out.
//!
//! No member is told of success unless the COMMIT of a transaction that was alive since its BEGIN
//! has succeeded. SQLite ends a transaction by itself when the disk is full or fails. So BEGIN and
//! COMMIT, and what begins and ends a savepoint, each have to succeed: the latter fail where there
//! is no savepoint, and so prove that the transaction is still alive. Otherwise the whole group
//! fails, and the connection is closed and replaced ([`write_group`]).
//!
//! sqlx runs SQLite in a thread of its own, and each execution is two changes of thread, which cost
//! as much as a small statement. So what ends one member and begins the next is executed at once.

use std::{
    fs::{File, OpenOptions},
    io, mem,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, SqlxSqliteConnector, Statement, TransactionOptions, TransactionTrait,
    sqlx::{
        self, ConnectOptions, Connection,
        sqlite::{
            SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions,
            SqliteSynchronous,
        },
    },
};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Commit, Db, Dialect, Reader, Statements, Together, Write, kept::no_connection,
    statements::failed,
};
use crate::{
    config,
    error::{Error, Result},
    metrics::Metrics,
};

/// A group commits at most this many transactions together.
const LARGEST_GROUP: usize = 256;
const READERS: u32 = 4;
/// How often SQLite's log is folded into the database, separately from the writer: an automatic
/// checkpoint would make some commit wait for it.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(500);
/// How long a checkpoint may wait for readers. Writers are held up meanwhile, and a backup reads
/// for minutes.
const CHECKPOINT_PATIENCE: Duration = Duration::from_millis(100);
/// Pages of 4 KiB; a log longer than this makes writers wait until it has been folded in.
const LARGEST_LOG: i32 = 16_384;

/// Begins a group, with its first member. It takes the write lock at once: a transaction that first
/// reads and then writes would fail with "database is locked".
const BEGIN: &str = "BEGIN IMMEDIATE; SAVEPOINT member";
/// Keeps what a member did, and begins the next.
const NEXT: &str = "RELEASE member; SAVEPOINT member";
/// Undoes what a member did that did not commit. The savepoint remains, for the next.
const UNDO: &str = "ROLLBACK TO member";
/// Keeps what the last member did, or nothing if it was undone, and commits the group.
const COMMIT: &str = "RELEASE member; COMMIT";
/// Ends a group of which nothing is to be kept.
const ROLLBACK: &str = "RELEASE member; ROLLBACK";

/// Where transactions wait for the writer.
#[derive(Clone)]
pub struct Queue {
    turns: mpsc::Sender<Place>,
    opener: Arc<Opener>,
    metrics: Arc<Metrics>,
}

/// A place in the queue, where a transaction waits for its turn.
type Place = oneshot::Sender<Result<Turn>>;

/// One transaction's turn on SQLite's writer.
pub struct Turn {
    /// Begun already. The writer ends it when everybody else has let go of it.
    pub connection: Lent,
    pub membership: Membership,
}

/// The writer's connection, for one member at a time.
type Lent = Arc<Mutex<SqliteConnection>>;

/// How a transaction communicates with the group that it is committed with.
pub struct Membership {
    /// Says that what the member did is to be kept; dropped when it is to be undone.
    pub done: oneshot::Sender<()>,
    /// Receives the result when the group has been committed.
    pub durable: oneshot::Receiver<Result<()>>,
}

/// Keeps all other processes from opening the database until it is dropped.
pub fn lock(path: &Path) -> Result<File> {
    let lock = path.with_added_extension("lock");
    let lock = File::create(&lock).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => super::no_directory(path),
        _ => Error::Unavailable(format!("{}: {error}", lock.display())),
    })?;
    lock.try_lock().map_err(|_| {
        Error::Unavailable(format!("{} is in use by another Tidings", path.display()))
    })?;
    Ok(lock)
}

impl Queue {
    /// Waits for a turn, but no longer than allowed, and not behind more transactions than allowed.
    pub async fn turn(&self) -> Result<Turn> {
        let (place, turn) = oneshot::channel();
        self.turns.try_send(place).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => {
                self.metrics.refused.count("transactions");
                Error::Unavailable("too many transactions wait for the writer".into())
            }
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })?;
        match tokio::time::timeout(self.opener.patience, turn).await {
            Ok(turn) => turn.map_err(|_| stopped())?,
            Err(_) => {
                self.metrics.refused.count("transactions");
                Err(Error::Unavailable("the writer was not free in time".into()))
            }
        }
    }

    /// Changes the tables, in one transaction on a connection of its own, as sea-orm wants it.
    pub async fn change_tables(
        &self,
        change: impl AsyncFnOnce(&DatabaseTransaction) -> Result<(), DbErr>,
    ) -> Result<()> {
        if self.turns.is_closed() {
            return Err(stopped());
        }
        let connection = self.opener.pool(1, Access::Write).await?;
        let immediate = SqliteTransactionMode::Immediate;
        let immediate =
            TransactionOptions { sqlite_transaction_mode: Some(immediate), ..Default::default() };
        let tx = connection.begin_with_options(immediate).await?;
        change(&tx).await?;
        tx.commit().await?;
        connection.execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)").await?;
        Ok(connection.close().await?)
    }

    /// How many transactions wait for their turn.
    pub fn waiting(&self) -> usize {
        self.turns.max_capacity() - self.turns.capacity()
    }
}

pub fn stopped() -> Error {
    Error::Unavailable("the writer has stopped".into())
}

/// Opens connections to one file.
struct Opener {
    path: PathBuf,
    /// How long a transaction waits for its turn, and a query for a connection.
    patience: Duration,
}

#[derive(Clone, Copy, PartialEq)]
enum Access {
    Write,
    /// Folds the log in, and has less patience with readers than other connections.
    Checkpoint,
    Read,
}

impl Opener {
    fn options(&self, access: Access) -> SqliteConnectOptions {
        let patience =
            if access == Access::Checkpoint { CHECKPOINT_PATIENCE } else { self.patience };
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .read_only(access == Access::Read)
            .busy_timeout(patience)
            .statement_cache_capacity(200)
            .foreign_keys(true)
            .pragma("cache_size", "-16000")
            .pragma("mmap_size", "268435456")
            .disable_statement_logging();
        if access == Access::Read {
            return options;
        }
        options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("wal_autocheckpoint", "0")
            .pragma("temp_store", "memory")
    }

    /// The one connection of the writer.
    async fn connect(&self) -> Result<Lent, DbErr> {
        let connection = self.options(Access::Write).connect().await.map_err(no_connection)?;
        Ok(Arc::new(Mutex::new(connection)))
    }

    async fn pool(&self, connections: u32, access: Access) -> Result<DatabaseConnection, DbErr> {
        let options = SqlitePoolOptions::new()
            .max_connections(connections)
            .min_connections(connections)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(self.patience)
            .test_before_acquire(false);
        let pool = options.connect_with(self.options(access)).await.map_err(no_connection)?;
        Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
    }
}

/// The options that `.cargo/config.toml` compiles SQLite with, and those that it removes.
const COMPILED_WITH: [&str; 2] = ["ENABLE_QPSG", "DEFAULT_MEMSTATUS=0"];
const COMPILED_WITHOUT: [&str; 1] = ["ENABLE_MEMORY_MANAGEMENT"];

/// Warns of a SQLite that was compiled with other options: a build outside of the source directory,
/// such as `cargo install`, does not read `.cargo/config.toml`.
async fn check_build(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let options = Statement::from_string(DbBackend::Sqlite, "PRAGMA compile_options");
    let rows = connection.query_all_raw(options).await?;
    let options: Vec<String> =
        rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?;
    let has = |option: &&str| options.iter().any(|other| other == option);
    if !COMPILED_WITH.iter().all(has) || COMPILED_WITHOUT.iter().any(has) {
        tracing::warn!(
            "SQLite was compiled without the options of .cargo/config.toml: it works, but reading \
             an inbox takes up to twice as long"
        );
    }
    Ok(())
}

/// Creates the file if there is none. Only its owner can read it, and its log, which gets the same
/// permissions from SQLite.
fn create(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(Error::Unavailable(format!("{}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

pub async fn open(
    path: &Path,
    settings: &config::Database,
    hints: mpsc::UnboundedSender<Commit>,
    metrics: Arc<Metrics>,
) -> Result<Db> {
    let lock = lock(path)?;
    let opener = Arc::new(Opener { path: path.to_owned(), patience: settings.acquire_timeout });
    let statements = Arc::new(Statements::new(settings, metrics.clone()));
    create(path)?;
    let cannot_open = |error: DbErr| Error::Unavailable(format!("{}: {error}", path.display()));
    let writer = opener.connect().await.map_err(cannot_open)?;
    let checkpointer = opener.pool(1, Access::Checkpoint).await?;
    check_build(&checkpointer).await?;
    let readers = settings.readers.unwrap_or(READERS);
    let read = opener.pool(readers, Access::Read).await?;
    let read = Reader::new(read, readers, statements.clone());
    let (queue, turns) = mpsc::channel(settings.queue);
    let (committed, dirty) = watch::channel(());
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    tasks.spawn(checkpoint(opener.clone(), checkpointer, dirty, metrics.clone()));
    let writer = Writer {
        opener: opener.clone(),
        connection: Some(writer),
        statements: Arc::clone(&statements),
    };
    tasks.spawn(write_in_groups(writer, turns, committed, stop.clone()));
    Ok(Db {
        dialect: Dialect::Sqlite,
        read,
        write: Write::Queue(Queue { turns: queue, opener, metrics }),
        bus: None,
        hints,
        lock: Arc::new(std::sync::Mutex::new(Some(lock))),
        statements,
        together: Together::new(settings.queue),
        questions: Arc::default(),
        probe: Arc::default(),
        tasks,
        until: CancellationToken::new(),
        in_background: false,
        stop,
    })
}

/// Opens a database only to read it, beside the server that has it open: its transactions fail.
pub async fn open_beside(
    path: &Path,
    settings: &config::Database,
    hints: mpsc::UnboundedSender<Commit>,
) -> Result<Db> {
    if !path.exists() {
        return Err(Error::Unavailable(format!("{} does not exist", path.display())));
    }
    let opener = Arc::new(Opener { path: path.to_owned(), patience: settings.acquire_timeout });
    let metrics = Metrics::off();
    let statements = Arc::new(Statements::new(settings, metrics.clone()));
    let readers = settings.readers.unwrap_or(READERS);
    let cannot_open = |error: DbErr| Error::Unavailable(format!("{}: {error}", path.display()));
    let read = opener.pool(readers, Access::Read).await.map_err(cannot_open)?;
    // Nobody gives turns in this queue.
    let (turns, _) = mpsc::channel(settings.queue);
    Ok(Db {
        dialect: Dialect::Sqlite,
        read: Reader::new(read, readers, statements.clone()),
        write: Write::Queue(Queue { turns, opener, metrics }),
        bus: None,
        hints,
        lock: Arc::default(),
        statements,
        together: Together::new(settings.queue),
        questions: Arc::default(),
        probe: Arc::default(),
        tasks: TaskTracker::new(),
        until: CancellationToken::new(),
        in_background: false,
        stop: CancellationToken::new(),
    })
}

/// The connection that writes: discarded when it can no longer be trusted, and opened when it is
/// needed.
struct Writer {
    opener: Arc<Opener>,
    connection: Option<Lent>,
    statements: Arc<Statements>,
}

impl Writer {
    async fn take(&mut self) -> Result<Lent> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => Ok(self.opener.connect().await?),
        }
    }
}

/// Closes it, which rolls back what is still open on it.
async fn close(connection: Lent) {
    if let Some(connection) = Arc::into_inner(connection) {
        let _ = connection.into_inner().close().await;
    }
}

/// SQLite's writer: passes the connection from one transaction to the next, and commits when nobody
/// waits.
async fn write_in_groups(
    mut writer: Writer,
    mut turns: mpsc::Receiver<Place>,
    committed: watch::Sender<()>,
    stop: CancellationToken,
) {
    while let Some(Some(first)) = stop.run_until_cancelled(turns.recv()).await {
        if first.is_closed() {
            continue;
        }
        let failed = match writer.take().await {
            Err(error) => {
                let _ = first.send(Err(error.clone()));
                Some(error)
            }
            Ok(connection) => match write_group(&connection, first, &mut turns).await {
                Ok(transactions) => {
                    writer.statements.metrics.group.record(transactions as f64);
                    writer.connection = Some(connection);
                    None
                }
                Err(error) => {
                    close(connection).await;
                    Some(error)
                }
            },
        };
        if let Some(error) = failed {
            tracing::error!(?error, "SQLite's writer failed, and starts anew");
            writer.statements.suspect();
        }
        committed.send_replace(());
    }
    if let Some(connection) = writer.connection {
        close(connection).await;
    }
}

/// One transaction with all members that arrive while it is open. All of them get its result.
/// Returns how many they are. After an error the connection must not be used again, and nothing of
/// the group is durable.
async fn write_group(
    connection: &Lent,
    first: Place,
    turns: &mut mpsc::Receiver<Place>,
) -> Result<usize> {
    if let Err(error) = execute(connection, BEGIN).await {
        let _ = first.send(Err(error.clone()));
        return Err(error);
    }
    let mut members = Vec::new();
    let outcome = match gather(connection, first, turns, &mut members).await {
        Ok(()) if members.is_empty() => execute(connection, ROLLBACK).await,
        Ok(()) => execute(connection, COMMIT).await,
        Err(error) => Err(error),
    };
    let size = members.len();
    for member in members {
        let _ = member.send(outcome.clone());
    }
    outcome.map(|()| size)
}

/// Gives each transaction its turn, until nobody waits. An error fails the group.
async fn gather(
    connection: &Lent,
    first: Place,
    turns: &mut mpsc::Receiver<Place>,
    members: &mut Vec<oneshot::Sender<Result<()>>>,
) -> Result<()> {
    let mut next = Some(first);
    // Whether the last member's savepoint is still to be released.
    let mut is_kept = false;
    while let Some(place) = next {
        // Some have waited too long and are gone.
        if !place.is_closed() {
            if mem::take(&mut is_kept)
                && let Err(error) = execute(connection, NEXT).await
            {
                let _ = place.send(Err(error.clone()));
                return Err(error);
            }
            let (done, end) = oneshot::channel();
            let (tell, durable) = oneshot::channel();
            let membership = Membership { done, durable };
            // A caller that has gone drops the turn, and `done` with it.
            drop(place.send(Ok(Turn { connection: connection.clone(), membership })));
            match end.await {
                Ok(()) => {
                    members.push(tell);
                    is_kept = true;
                }
                Err(_) => execute(connection, UNDO).await?,
            }
        }
        next = if members.len() < LARGEST_GROUP { turns.try_recv().ok() } else { None };
    }
    Ok(())
}

/// Executes what begins or ends a transaction.
async fn execute(connection: &Lent, statements: &'static str) -> Result<()> {
    let executed = sqlx::query(statements).execute(&mut *connection.lock().await).await;
    executed.map(drop).map_err(|error| failure(failed(error)))
}

/// Whatever makes a group fail, its members have changed nothing and can try again.
fn failure(error: DbErr) -> Error {
    Error::Unavailable(format!("a group of transactions failed: {error}"))
}

/// Folds SQLite's log into the database while the writer continues; ends with the writer, after one
/// last checkpoint.
///
/// What is in the log is durable, and readers find it there. A checkpoint that fails, because the
/// disk is full, loses nothing: it is tried again until it succeeds, whether or not anything is
/// written, because the log grows meanwhile.
async fn checkpoint(
    opener: Arc<Opener>,
    first: DatabaseConnection,
    mut dirty: watch::Receiver<()>,
    metrics: Arc<Metrics>,
) {
    let mut connection = Some(first);
    let mut run = async |mode: &str| -> Result<i32, DbErr> {
        let open = match connection.take() {
            Some(open) => open,
            None => opener.pool(1, Access::Checkpoint).await?,
        };
        let statement =
            Statement::from_string(DbBackend::Sqlite, format!("PRAGMA wal_checkpoint({mode})"));
        match open.query_one_raw(statement).await {
            Ok(row) => {
                connection = Some(open);
                Ok(row.and_then(|row| row.try_get_by_index(1).ok()).unwrap_or_default())
            }
            Err(error) => {
                let _ = open.close().await;
                Err(error)
            }
        }
    };
    let mut is_failing = false;
    while (is_failing && dirty.has_changed().is_ok()) || dirty.changed().await.is_ok() {
        tokio::time::sleep(CHECKPOINT_INTERVAL).await;
        let outcome = match run("PASSIVE").await {
            Ok(pages) if pages > LARGEST_LOG => run("RESTART").await,
            outcome => outcome,
        };
        if let Ok(pages) = outcome {
            metrics.log_pages.set(pages);
        }
        match &outcome {
            Err(error) if !is_failing => {
                tracing::error!(%error, "SQLite's log cannot be folded in, and grows")
            }
            Ok(_) if is_failing => tracing::info!("SQLite's log is folded in again"),
            _ => {}
        }
        is_failing = outcome.is_err();
    }
    if let Err(error) = run("TRUNCATE").await {
        tracing::warn!(%error, "SQLite's log is folded in at the next start");
    }
    if let Some(connection) = connection {
        let _ = connection.close().await;
    }
}
