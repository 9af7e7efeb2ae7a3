//! SQLite has one writer. Transactions queue for its connection and are committed in groups: each is a savepoint of one
//! outer transaction, and one COMMIT (one fsync) makes durable all that queued meanwhile. A COMMIT that fails fails every
//! member of its group. Readers have connections of their own, and checkpoints too. A lock on a file beside the database
//! keeps a second process out.

use std::{
    fs::File,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{ACQUIRE_TIMEOUT, Db, Topic, Write, counted};
use crate::error::{Error, Result};

/// A group's COMMIT waits for at most so many transactions.
const LARGEST_GROUP: usize = 256;
/// How many transactions may wait for SQLite's writer before `begin` itself waits.
const QUEUE: usize = 1024;
const READERS: u32 = 4;
/// How often SQLite's log is folded into the database, apart from the writer: an automatic checkpoint makes some commit
/// wait for it.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(500);
/// How long a checkpoint may wait for readers. It holds up writers meanwhile, and a backup reads for minutes.
const CHECKPOINT_PATIENCE: Duration = Duration::from_millis(100);
/// Pages of 4 KiB; a log beyond this makes writers wait until it has been folded in.
const LARGEST_LOG: i32 = 16_384;

/// One transaction's turn on SQLite's writer.
pub struct Turn {
    pub savepoint: DatabaseTransaction,
    pub membership: Membership,
}

/// What a transaction and the group that it is committed with tell each other.
pub struct Membership {
    /// Told when the savepoint was released; dropped when it was rolled back.
    pub released: oneshot::Sender<()>,
    /// Hears when the group was committed.
    pub durable: oneshot::Receiver<Result<(), DbErr>>,
}

/// Keeps every other process from opening the database, until it is dropped.
pub fn lock(path: &Path) -> Result<File> {
    let lock = path.with_added_extension("lock");
    let lock = File::create(&lock).map_err(|error| Error::Unavailable(format!("{}: {error}", lock.display())))?;
    lock.try_lock().map_err(|_| Error::Unavailable(format!("{} is in use by another Tidings", path.display())))?;
    Ok(lock)
}

pub async fn open(path: &Path, hints: mpsc::UnboundedSender<Vec<Topic>>) -> Result<Db> {
    let lock = lock(path)?;
    let connect = |connections: u32, read_only: bool| {
        let mut options = ConnectOptions::new("sqlite::memory:");
        let file = path.to_owned();
        options.max_connections(connections).min_connections(connections).idle_timeout(None::<Duration>);
        options.max_lifetime(None::<Duration>).acquire_timeout(ACQUIRE_TIMEOUT).test_before_acquire(false);
        options.sqlx_logging(false).record_stmt_in_spans(false).map_sqlx_sqlite_opts(move |options| {
            let options = options.in_memory(false).shared_cache(false).filename(&file);
            let options = options.create_if_missing(!read_only).read_only(read_only).foreign_keys(true);
            let options = options.busy_timeout(ACQUIRE_TIMEOUT).statement_cache_capacity(200);
            let options = options.pragma("cache_size", "-16000").pragma("mmap_size", "268435456");
            if read_only {
                return options;
            }
            options
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .pragma("wal_autocheckpoint", "0")
                .pragma("temp_store", "memory")
        });
        Database::connect(options)
    };
    let statements = Arc::default();
    let writer = counted(connect(1, false).await?, &statements);
    let checkpointer = connect(1, false).await?;
    let read = counted(connect(READERS, true).await?, &statements);
    let (queue, turns) = mpsc::channel(QUEUE);
    let (committed, dirty) = watch::channel(());
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    tasks.spawn(write_in_groups(writer, turns, committed, stop.clone()));
    tasks.spawn(checkpoint(checkpointer, dirty));
    Ok(Db {
        backend: DbBackend::Sqlite,
        read,
        write: Write::Queue(queue),
        bus: None,
        hints,
        lock: Mutex::new(Some(lock)),
        statements,
        tasks,
        stop,
    })
}

/// SQLite's writer: hands the connection from one transaction to the next, and commits when nobody waits.
async fn write_in_groups(
    connection: DatabaseConnection,
    mut turns: mpsc::Receiver<oneshot::Sender<Turn>>,
    committed: watch::Sender<()>,
    stop: CancellationToken,
) {
    // Takes the write lock at once: a transaction that reads first and writes then would fail with "database is locked".
    let immediate =
        || TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
    while let Some(Some(first)) = stop.run_until_cancelled(turns.recv()).await {
        let group = match connection.begin_with_options(immediate()).await {
            Ok(group) => group,
            Err(error) => {
                // The caller's turn never comes, which it hears as UNAVAILABLE.
                tracing::error!(%error, "cannot begin a transaction");
                continue;
            }
        };
        let mut members = Vec::new();
        let mut next = Some(first);
        while let Some(take) = next {
            match group.begin().await {
                Ok(savepoint) => {
                    let (released, release) = oneshot::channel();
                    let (tell, durable) = oneshot::channel();
                    let turn = Turn { savepoint, membership: Membership { released, durable } };
                    if take.send(turn).is_ok() && release.await.is_ok() {
                        members.push(tell);
                    }
                }
                Err(error) => tracing::error!(%error, "cannot set a savepoint"),
            }
            next = if members.len() < LARGEST_GROUP { turns.try_recv().ok() } else { None };
        }
        if members.is_empty() {
            if let Err(error) = group.rollback().await {
                tracing::error!(%error, "cannot roll back");
            }
            continue;
        }
        let outcome = group.commit().await;
        if let Err(error) = &outcome {
            tracing::error!(%error, members = members.len(), "a commit failed");
        }
        committed.send_replace(());
        for member in members {
            let _ = member.send(match &outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(DbErr::Custom(error.to_string())),
            });
        }
    }
    let _ = connection.close().await;
}

/// Folds SQLite's log into the database while the writer goes on; ends with the writer, after a last time.
async fn checkpoint(connection: DatabaseConnection, mut dirty: watch::Receiver<()>) {
    let run = async |mode: &str| {
        let statement = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA wal_checkpoint({mode})"));
        match connection.query_one_raw(statement).await {
            Ok(row) => row.and_then(|row| row.try_get_by_index::<i32>(1).ok()).unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "cannot checkpoint");
                0
            }
        }
    };
    let patience = format!("PRAGMA busy_timeout = {}", CHECKPOINT_PATIENCE.as_millis());
    if let Err(error) = connection.execute_unprepared(&patience).await {
        tracing::warn!(%error, "checkpoints may hold up writers");
    }
    while dirty.changed().await.is_ok() {
        tokio::time::sleep(CHECKPOINT_INTERVAL).await;
        if run("PASSIVE").await > LARGEST_LOG {
            run("RESTART").await;
        }
    }
    run("TRUNCATE").await;
    let _ = connection.close().await;
}
