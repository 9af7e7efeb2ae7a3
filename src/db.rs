//! The one door to the database, and the only place that knows which one it is.
//!
//! [`Db::read`] gives a pool for queries. [`Db::begin`] gives a transaction whose [`Tx::commit`] returns when the change
//! is durable, and then tells `live` whom it concerns.
//!
//! **SQLite** has one writer. Transactions queue for its connection and are committed in groups: each is a savepoint
//! of one outer transaction, and one COMMIT (one fsync) makes durable all that queued meanwhile. A COMMIT that fails
//! fails every member of its group. Readers have connections of their own. A lock on a file beside the database keeps a
//! second process out.
//!
//! **PostgreSQL** has a pool for reads and a pool for transactions. Because sqlx can return a connection with an open
//! transaction when `begin` is cancelled (sqlx #4385), and the next plain insert on it would never be committed,
//! connections are rolled back when they come back.

use std::{
    fs::File,
    ops::Deref,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ColumnTrait, ColumnType, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction,
    DbBackend, DbErr, EntityTrait, IdenStatic, Iterable, QueryResult, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait, Value,
    sqlx::{
        self,
        postgres::PgListener,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::error::{Error, Result};

/// A group's COMMIT waits for at most so many transactions.
const LARGEST_GROUP: usize = 256;
/// How many transactions may wait for SQLite's writer before `begin` itself waits.
const QUEUE: usize = 1024;
const SQLITE_READERS: u32 = 4;
const POSTGRES_READERS: u32 = 16;
const POSTGRES_WRITERS: u32 = 16;
/// How long a request waits for a connection before it is answered with UNAVAILABLE.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often SQLite's log is folded into the database, apart from the writer: an automatic checkpoint makes some commit
/// wait for it.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(500);
/// Pages of 4 KiB; a log beyond this makes writers wait until it has been folded in.
const LARGEST_LOG: i32 = 16_384;
/// "tidings" as a number, for PostgreSQL's advisory locks.
const MIGRATION_LOCK: i64 = 0x74_6964_696e_6773;

/// Something that clients follow. After a commit it is a hint that there may be something new to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// The inbox of this user.
    Inbox(i64),
    /// The thread below this root message.
    Thread(i64),
    /// The user themself: who they are and whether they may come in.
    User(i64),
    /// What the server has to do by itself, and when.
    Schedule,
}

pub struct Db {
    backend: DbBackend,
    read: DatabaseConnection,
    write: Write,
    bus: Option<Bus>,
    hints: mpsc::UnboundedSender<Vec<Topic>>,
    /// SQLite: held while the database is open.
    lock: Mutex<Option<File>>,
    statements: Arc<AtomicU64>,
    /// SQLite: the writer and the checkpoints, which end when they are told to.
    tasks: TaskTracker,
    stop: CancellationToken,
}

enum Write {
    Pool(DatabaseConnection),
    Queue(mpsc::Sender<oneshot::Sender<Turn>>),
}

/// One transaction's turn on SQLite's writer.
struct Turn {
    savepoint: DatabaseTransaction,
    membership: Membership,
}

/// What a transaction and the group that it is committed with tell each other.
struct Membership {
    /// Told when the savepoint was released; dropped when it was rolled back.
    released: oneshot::Sender<()>,
    /// Hears when the group was committed.
    durable: oneshot::Receiver<Result<(), DbErr>>,
}

/// A transaction that writes. Dropping it rolls it back.
pub struct Tx {
    // Dropped first: the rollback must be queued before the writer takes its next turn.
    inner: DatabaseTransaction,
    group: Option<Membership>,
    topics: Mutex<Vec<Topic>>,
    hints: mpsc::UnboundedSender<Vec<Topic>>,
}

impl Db {
    /// Opens the database and makes the file of a new SQLite database. The receiver hears what every commit concerns.
    pub async fn open(url: &str) -> Result<(Self, mpsc::UnboundedReceiver<Vec<Topic>>)> {
        let (hints, heard) = mpsc::unbounded_channel();
        let db = match Location::of(url)? {
            Location::Sqlite(path) => open_sqlite(&path, hints).await?,
            Location::Postgres => open_postgres(url, hints).await?,
        };
        Ok((db, heard))
    }

    /// How many statements have been run; for tests that count them.
    pub fn statement_count(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// For queries. It cannot write.
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// Begins a transaction that writes. On SQLite it waits for the writer.
    pub async fn begin(&self) -> Result<Tx> {
        let (inner, group) = match &self.write {
            Write::Pool(pool) => (pool.begin().await?, None),
            Write::Queue(queue) => {
                let (take, turn) = oneshot::channel();
                let gone = || Error::Unavailable("the writer has stopped".into());
                queue.send(take).await.map_err(|_| gone())?;
                let turn = turn.await.map_err(|_| gone())?;
                (turn.savepoint, Some(turn.membership))
            }
        };
        Ok(Tx { inner, group, topics: Mutex::default(), hints: self.hints.clone() })
    }

    pub fn is_postgres(&self) -> bool {
        self.backend == DbBackend::Postgres
    }

    /// Brings the tables up to date, one process at a time.
    pub async fn migrate(&self) -> Result<()> {
        let Write::Pool(pool) = &self.write else {
            let writer = self.begin().await?;
            Migrator::up(&*writer, None).await?;
            return writer.commit().await;
        };
        // On a connection of its own, which ends and gives the lock back.
        let lock = pool.get_postgres_connection_pool().acquire().await.map_err(Error::internal)?;
        let mut lock = lock.detach();
        let statement = sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK);
        statement.execute(&mut lock).await.map_err(Error::internal)?;
        let migrated = Migrator::up(pool, None).await;
        sqlx::Connection::close(lock).await.map_err(Error::internal)?;
        Ok(migrated?)
    }

    /// Takes all migrations back, and everything with them.
    pub async fn unmigrate(&self) -> Result<()> {
        let tx = self.begin().await?;
        Migrator::down(&*tx, None).await?;
        tx.commit().await
    }

    /// A statement for this database. Parameters are `$1`, `$2` … on both.
    pub fn statement(&self, sql: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Statement {
        Statement::from_sql_and_values(self.backend, sql, values)
    }

    /// How this database spells what the two spell differently.
    pub fn dialect(&self) -> Dialect {
        Dialect(self.backend)
    }

    /// Rows of a hot query as one JSON text: `aggregate` is a select of one [`Dialect::json_list`].
    ///
    /// One row with one text costs half of what twenty rows with thirty columns do, on both databases.
    pub async fn json<T: serde::de::DeserializeOwned>(
        &self,
        aggregate: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<T>> {
        let row = self.read.query_one_raw(self.statement(aggregate, values)).await?;
        let text: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
        serde_json::from_str(text.as_deref().unwrap_or("[]")).map_err(Error::internal)
    }

    /// The other servers on this database, where there can be any.
    pub fn bus(&self) -> Option<Bus> {
        self.bus.clone()
    }

    /// Ends all connections, SQLite's after its log was folded into the database.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Write::Pool(pool) = &self.write {
            pool.get_postgres_connection_pool().close().await;
        }
        if let Some(bus) = &self.bus {
            bus.pool.close().await;
        }
        let _ = self.read.close_by_ref().await;
        self.lock.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
    }
}

impl Deref for Tx {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

impl Tx {
    /// Names what the change concerns; who follows it is woken after the commit.
    pub fn concerns(&self, topics: impl IntoIterator<Item = Topic>) {
        self.topics.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend(topics);
    }

    /// Returns when the change is durable.
    pub async fn commit(self) -> Result<()> {
        self.inner.commit().await?;
        if let Some(group) = self.group {
            let _ = group.released.send(());
            group.durable.await.map_err(|_| Error::Unavailable("the writer has stopped".into()))??;
        }
        let topics = self.topics.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !topics.is_empty() {
            // Nobody listens when the server is stopping; the change is durable all the same.
            let _ = self.hints.send(topics);
        }
        Ok(())
    }

    fn backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    /// Runs a statement; gives the number of rows that it changed.
    pub async fn run(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<u64> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        Ok(self.inner.execute_raw(statement).await?.rows_affected())
    }

    /// The rows of a query, or of a change with RETURNING.
    pub async fn rows(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<Vec<QueryResult>> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        Ok(self.inner.query_all_raw(statement).await?)
    }

    /// How this database spells what the two spell differently.
    pub fn dialect(&self) -> Dialect {
        Dialect(self.backend())
    }
}

/// Adds a value; gives the parameter that stands for it.
pub fn bind(values: &mut Vec<Value>, value: impl Into<Value>) -> String {
    values.push(value.into());
    format!("${}", values.len())
}

/// What the two databases spell differently, for the statements that are written as SQL.
#[derive(Clone, Copy)]
pub struct Dialect(DbBackend);

impl Dialect {
    fn postgres(self) -> bool {
        self.0 == DbBackend::Postgres
    }

    /// What ends a SELECT that locks the rows it finds until the transaction ends. SQLite's one writer needs none.
    pub fn for_update(self) -> &'static str {
        if self.postgres() { "FOR NO KEY UPDATE" } else { "" }
    }

    /// One JSON array of a value for each row, as text.
    pub fn json_list(self, value: &str) -> String {
        if self.postgres() { format!("CAST(json_agg({value}) AS text)") } else { format!("json_group_array({value})") }
    }

    /// A JSON array of some values.
    pub fn json_array(self, values: &str) -> String {
        if self.postgres() { format!("json_build_array({values})") } else { format!("json_array({values})") }
    }

    /// All columns of an entity as a JSON array in their order, from which its model can be decoded; bytes become
    /// hexadecimal digits. NULL where an outer join found no row.
    pub fn json_row<E: EntityTrait>(self, alias: &str) -> String {
        let column = |column: E::Column| {
            let name = format!("{alias}.{}", column.as_str());
            match column.def().get_column_type() {
                ColumnType::VarBinary(_) if self.postgres() => format!("encode({name}, 'hex')"),
                ColumnType::VarBinary(_) => format!("hex({name})"),
                _ => name,
            }
        };
        let columns: Vec<_> = E::Column::iter().map(column).collect();
        let first = &columns[0];
        format!("CASE WHEN {first} IS NOT NULL THEN {} END", self.json_array(&columns.join(", ")))
    }

    /// Whether a column is in a parameter that holds a [`list`].
    ///
    /// PostgreSQL would join a table made of the list row by row; an array is looked up in the index.
    pub fn is_one_of(self, column: &str, parameter: &str) -> String {
        if self.postgres() {
            format!(
                "{column} = ANY(ARRAY(SELECT CAST(e AS bigint) FROM json_array_elements_text(CAST({parameter} AS json)) AS e))"
            )
        } else {
            format!("{column} IN (SELECT e.value FROM json_each({parameter}) AS e)")
        }
    }

    /// A table made of a parameter that holds a JSON array of arrays of integers ([`integers`]).
    pub fn integer_table(self, parameter: &str, columns: &[&str]) -> String {
        let (table, element) = if self.postgres() {
            (format!("json_array_elements(CAST({parameter} AS json)) AS e"), "CAST(e ->> {} AS bigint)")
        } else {
            (format!("json_each({parameter}) AS e"), "(e.value ->> {})")
        };
        let columns = columns.iter().enumerate();
        let columns: Vec<_> =
            columns.map(|(index, name)| format!("{} AS {name}", element.replace("{}", &index.to_string()))).collect();
        format!("(SELECT {} FROM {table})", columns.join(", "))
    }

    /// `LEFT JOIN table AS alias` with the rows whose ids a subquery finds for each row before it; the subquery may have
    /// a LIMIT.
    pub fn left_join_each(self, table: &str, alias: &str, ids: &str) -> String {
        if self.postgres() {
            format!(
                "LEFT JOIN LATERAL ({ids}) AS {alias}_id ON true LEFT JOIN {table} AS {alias} ON {alias}.id = {alias}_id.id"
            )
        } else {
            format!("LEFT JOIN {table} AS {alias} ON {alias}.id IN ({ids})")
        }
    }
}

/// Some ids as the parameter of [`Dialect::is_one_of`].
pub fn list(ids: &[i64]) -> Value {
    serde_json::json!(ids).to_string().into()
}

/// Rows of integers as the parameter of [`Dialect::integer_table`].
pub fn integers<const N: usize>(rows: impl IntoIterator<Item = [i64; N]>) -> Value {
    let rows = rows.into_iter().map(|row| row.to_vec()).collect::<Vec<_>>();
    serde_json::json!(rows).to_string().into()
}

/// Counts the statements of a connection.
fn counted(mut connection: DatabaseConnection, statements: &Arc<AtomicU64>) -> DatabaseConnection {
    let statements = statements.clone();
    connection.set_metric_callback(move |_| {
        statements.fetch_add(1, Ordering::Relaxed);
    });
    connection
}

/// What a database URL names.
pub enum Location {
    Sqlite(PathBuf),
    Postgres,
}

impl Location {
    pub fn of(url: &str) -> Result<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Location::Postgres);
        }
        let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
        match path {
            None => Err(Error::invalid("database-url", "begins with sqlite: or postgres://")),
            Some(path) if path.is_empty() || path.starts_with(':') || path.contains('?') => {
                Err(Error::invalid("database-url", "sqlite: is followed by the path of a file"))
            }
            Some(path) => Ok(Location::Sqlite(PathBuf::from(path))),
        }
    }
}

async fn open_sqlite(path: &Path, hints: mpsc::UnboundedSender<Vec<Topic>>) -> Result<Db> {
    let lock = path.with_added_extension("lock");
    let lock = File::create(&lock).map_err(|error| Error::Unavailable(format!("{}: {error}", lock.display())))?;
    lock.try_lock().map_err(|_| Error::Unavailable(format!("{} is in use by another Tidings", path.display())))?;

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
    let read = counted(connect(SQLITE_READERS, true).await?, &statements);
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
    while dirty.changed().await.is_ok() {
        tokio::time::sleep(CHECKPOINT_INTERVAL).await;
        if run("PASSIVE").await > LARGEST_LOG {
            run("RESTART").await;
        }
    }
    run("TRUNCATE").await;
    let _ = connection.close().await;
}

async fn open_postgres(url: &str, hints: mpsc::UnboundedSender<Vec<Topic>>) -> Result<Db> {
    let connect = |connections: u32, writes: bool| {
        let mut options = ConnectOptions::new(url);
        options.max_connections(connections).min_connections(1).acquire_timeout(ACQUIRE_TIMEOUT);
        options.sqlx_logging(false).record_stmt_in_spans(false).set_application_name("tidings");
        options.test_before_acquire(false).test_before_acquire_if_idle_for(Duration::from_secs(5));
        options.map_sqlx_postgres_opts(move |options| {
            let options = options.statement_cache_capacity(200);
            // The planner's custom plans cost more than they gain: every hot statement has one right plan.
            options.options([
                ("plan_cache_mode", "force_generic_plan"),
                ("idle_in_transaction_session_timeout", "30s"),
                ("default_transaction_read_only", if writes { "off" } else { "on" }),
            ])
        });
        if writes {
            options.map_sqlx_postgres_pool_opts(|pool| {
                pool.after_release(|connection, _| {
                    Box::pin(async move {
                        // ROLLBACK alone would write a warning to the server's log each time.
                        sqlx::Executor::execute(connection, "BEGIN; ROLLBACK").await?;
                        Ok(true)
                    })
                })
            });
        }
        Database::connect(options)
    };
    let statements = Arc::default();
    let write = counted(connect(POSTGRES_WRITERS, true).await?, &statements);
    let read = counted(connect(POSTGRES_READERS, false).await?, &statements);
    let bus = connect(BUS_CONNECTIONS, true).await?.get_postgres_connection_pool().clone();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    Ok(Db {
        backend: DbBackend::Postgres,
        read,
        write: Write::Pool(write),
        bus: Some(Bus { pool: bus, stop: stop.clone() }),
        hints,
        lock: Mutex::default(),
        statements,
        tasks,
        stop,
    })
}

/// PostgreSQL's NOTIFY and LISTEN between the servers on one database, on connections of its own: it waits for nobody.
#[derive(Clone)]
pub struct Bus {
    pool: sqlx::PgPool,
    stop: CancellationToken,
}

const CHANNEL: &str = "tidings";
/// One listens, one notifies.
const BUS_CONNECTIONS: u32 = 2;

impl Bus {
    /// Tells every server, this one included. `payload` is less than 8 000 bytes.
    pub async fn notify(&self, payload: &str) -> Result<()> {
        let statement = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(payload);
        statement.execute(&self.pool).await.map(drop).map_err(unavailable)
    }

    /// What the servers tell from now on.
    pub async fn listen(&self) -> Result<Listening> {
        let mut listener = PgListener::connect_with(&self.pool).await.map_err(unavailable)?;
        listener.listen(CHANNEL).await.map_err(unavailable)?;
        Ok(Listening { listener, stop: self.stop.clone() })
    }
}

fn unavailable(error: sqlx::Error) -> Error {
    Error::Unavailable(error.to_string())
}

pub struct Listening {
    listener: PgListener,
    stop: CancellationToken,
}

/// What came of listening.
pub enum Heard {
    Told(String),
    /// The connection was lost and is back: something may have been missed.
    Gap,
    /// The database is being closed.
    End,
}

impl Listening {
    pub async fn next(&mut self) -> Result<Heard> {
        match self.stop.run_until_cancelled(self.listener.try_recv()).await {
            Some(Ok(Some(notification))) => Ok(Heard::Told(notification.payload().to_owned())),
            Some(Ok(None)) => Ok(Heard::Gap),
            Some(Err(error)) if !self.stop.is_cancelled() => Err(unavailable(error)),
            Some(Err(_)) | None => Ok(Heard::End),
        }
    }
}
