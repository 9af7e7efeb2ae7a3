//! SQLite has one writer. Transactions queue for its connection and are committed in groups: each
//! is a savepoint of one outer transaction, and one COMMIT (one fsync) makes everything durable
//! that queued meanwhile. If a COMMIT fails, every member of its group fails. Readers have separate
//! connections, and so do checkpoints. A lock on a file beside the database keeps a second process
//! out.
//!
//! No member is told of success unless the COMMIT of a transaction that was alive since its BEGIN
//! has succeeded. SQLite ends a transaction by itself when the disk is full or fails, and sqlx
//! miscounts the depth of its transactions after one of its transaction statements has failed. So
//! each of these statements has to succeed, and none is taken on trust: otherwise the whole group
//! fails, and the connection is closed and replaced ([`write_group`]).

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Commit, Db, Dialect, Reader, Statements, Together, Write, counted};
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
/// Undoes what a member did that did not commit, by the name that sqlx gives to a savepoint. sqlx
/// already sent the first half when the member was dropped, but nobody hears whether it failed.
/// Sent again, with a RELEASE that fails if there is no such savepoint, it also proves that the
/// group's transaction is still alive.
const UNDO: &str = "ROLLBACK TO SAVEPOINT _sqlx_savepoint_1; RELEASE SAVEPOINT _sqlx_savepoint_1";

/// Where transactions wait for the writer.
#[derive(Clone)]
pub struct Queue {
    turns: mpsc::Sender<Place>,
    patience: Duration,
    metrics: Arc<Metrics>,
}

/// A place in the queue, where a transaction waits for its turn.
type Place = oneshot::Sender<Result<Turn>>;

/// One transaction's turn on SQLite's writer.
pub struct Turn {
    pub savepoint: DatabaseTransaction,
    pub membership: Membership,
}

/// How a transaction communicates with the group that it is committed with.
pub struct Membership {
    /// Returns the savepoint to be released; dropped when it is to be undone.
    pub done: oneshot::Sender<DatabaseTransaction>,
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
        match tokio::time::timeout(self.patience, turn).await {
            Ok(turn) => turn.map_err(|_| stopped())?,
            Err(_) => {
                self.metrics.refused.count("transactions");
                Err(Error::Unavailable("the writer was not free in time".into()))
            }
        }
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
    acquire_timeout: Duration,
}

#[derive(Clone, Copy, PartialEq)]
enum Access {
    Write,
    /// Folds the log in, and has less patience with readers than other connections.
    Checkpoint,
    Read,
}

impl Opener {
    async fn connect(&self, connections: u32, access: Access) -> Result<DatabaseConnection, DbErr> {
        let (file, acquire_timeout) = (self.path.clone(), self.acquire_timeout);
        let mut options = ConnectOptions::new("sqlite::memory:");
        options
            .max_connections(connections)
            .min_connections(connections)
            .idle_timeout(None::<Duration>);
        options
            .max_lifetime(None::<Duration>)
            .acquire_timeout(acquire_timeout)
            .test_before_acquire(false);
        options.sqlx_logging(false).record_stmt_in_spans(false).map_sqlx_sqlite_opts(
            move |options| {
                let options = options.in_memory(false).shared_cache(false).filename(&file);
                let options = options.read_only(access == Access::Read);
                let patience = if access == Access::Checkpoint {
                    CHECKPOINT_PATIENCE
                } else {
                    acquire_timeout
                };
                let options =
                    options.busy_timeout(patience).statement_cache_capacity(200).foreign_keys(true);
                let options =
                    options.pragma("cache_size", "-16000").pragma("mmap_size", "268435456");
                if access == Access::Read {
                    return options;
                }
                options
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .pragma("wal_autocheckpoint", "0")
                    .pragma("temp_store", "memory")
            },
        );
        Database::connect(options).await
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
    let opener =
        Arc::new(Opener { path: path.to_owned(), acquire_timeout: settings.acquire_timeout });
    let statements = Arc::new(Statements::new(settings, metrics.clone()));
    create(path)?;
    let cannot_open = |error: DbErr| Error::Unavailable(format!("{}: {error}", path.display()));
    let writer = opener.connect(1, Access::Write).await.map_err(cannot_open)?;
    let writer = counted(writer, &statements);
    let checkpointer = opener.connect(1, Access::Checkpoint).await?;
    check_build(&checkpointer).await?;
    let readers = settings.readers.unwrap_or(READERS);
    let read = opener.connect(readers, Access::Read).await?;
    let read = Reader::new(read, readers, statements.clone());
    let (queue, turns) = mpsc::channel(settings.queue);
    let (committed, dirty) = watch::channel(());
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    tasks.spawn(checkpoint(opener.clone(), checkpointer, dirty, metrics.clone()));
    let writer = Writer { opener, connection: Some(writer), statements: Arc::clone(&statements) };
    tasks.spawn(write_in_groups(writer, turns, committed, stop.clone()));
    Ok(Db {
        dialect: Dialect::Sqlite,
        read,
        write: Write::Queue(Queue { turns: queue, patience: settings.acquire_timeout, metrics }),
        bus: None,
        hints,
        lock: Arc::new(Mutex::new(Some(lock))),
        statements,
        together: Together::new(settings.queue),
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
    let opener = Opener { path: path.to_owned(), acquire_timeout: settings.acquire_timeout };
    let metrics = Metrics::off();
    let statements = Arc::new(Statements::new(settings, metrics.clone()));
    let readers = settings.readers.unwrap_or(READERS);
    let cannot_open = |error: DbErr| Error::Unavailable(format!("{}: {error}", path.display()));
    let read = opener.connect(readers, Access::Read).await.map_err(cannot_open)?;
    // Nobody gives turns in this queue.
    let (turns, _) = mpsc::channel(settings.queue);
    Ok(Db {
        dialect: Dialect::Sqlite,
        read: Reader::new(read, readers, statements.clone()),
        write: Write::Queue(Queue { turns, patience: settings.acquire_timeout, metrics }),
        bus: None,
        hints,
        lock: Arc::default(),
        statements,
        together: Together::new(settings.queue),
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
    connection: Option<DatabaseConnection>,
    statements: Arc<Statements>,
}

impl Writer {
    async fn take(&mut self) -> Result<DatabaseConnection> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => Ok(counted(self.opener.connect(1, Access::Write).await?, &self.statements)),
        }
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
                    // This rolls back what is still open on it.
                    let _ = connection.close().await;
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
        let _ = connection.close().await;
    }
}

/// One transaction with all members that arrive while it is open. All of them get its result.
/// Returns how many they are. After an error the connection must not be used again, and nothing of
/// the group is durable.
async fn write_group(
    connection: &DatabaseConnection,
    first: Place,
    turns: &mut mpsc::Receiver<Place>,
) -> Result<usize> {
    // Takes the write lock at once: a transaction that first reads and then writes would fail with
    // "database is locked".
    let immediate = SqliteTransactionMode::Immediate;
    let immediate =
        TransactionOptions { sqlite_transaction_mode: Some(immediate), ..Default::default() };
    let group = match connection.begin_with_options(immediate).await {
        Ok(group) => group,
        Err(error) => {
            let error = failure(error);
            let _ = first.send(Err(error.clone()));
            return Err(error);
        }
    };
    let mut members = Vec::new();
    let outcome = match gather(&group, first, turns, &mut members).await {
        // sqlx sends COMMIT only at a transaction depth of one, which holds when all members were
        // released or undone.
        Ok(()) if !members.is_empty() => group.commit().await.map_err(failure),
        Ok(()) => group.rollback().await.map_err(failure),
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
    group: &DatabaseTransaction,
    first: Place,
    turns: &mut mpsc::Receiver<Place>,
    members: &mut Vec<oneshot::Sender<Result<()>>>,
) -> Result<()> {
    let mut next = Some(first);
    while let Some(place) = next {
        // Some have waited too long and are gone.
        if !place.is_closed() {
            let savepoint = match group.begin().await {
                Ok(savepoint) => savepoint,
                Err(error) => {
                    let error = failure(error);
                    let _ = place.send(Err(error.clone()));
                    return Err(error);
                }
            };
            let (done, end) = oneshot::channel();
            let (tell, durable) = oneshot::channel();
            // A caller that has gone drops the turn, and `done` with it.
            drop(place.send(Ok(Turn { savepoint, membership: Membership { done, durable } })));
            match end.await {
                Ok(savepoint) => {
                    members.push(tell);
                    savepoint.commit().await.map_err(failure)?;
                }
                Err(_) => {
                    group.execute_unprepared(UNDO).await.map_err(failure)?;
                }
            }
        }
        next = if members.len() < LARGEST_GROUP { turns.try_recv().ok() } else { None };
    }
    Ok(())
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
            None => opener.connect(1, Access::Checkpoint).await?,
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
