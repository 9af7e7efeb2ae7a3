//! PostgreSQL has a pool for reads and a pool for transactions. Their connections stay out of the
//! pools as long as nothing goes wrong (`kept`); a transaction that was not committed is rolled back
//! when its connection goes back to its pool. Several servers on one database tell each other of
//! changes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use migration::{Migrator, MigratorTrait};
use rand::Rng;
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr, TransactionTrait,
    sqlx::{self, Connection, PgConnection, Postgres, postgres::PgListener},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Commit, Db, Dialect, Location, Reader, Statements, Together, Write, kept::Kept,
    reader::on_living, transaction::Transaction,
};
use crate::{
    config,
    error::{Error, Result},
    metrics::Metrics,
};

const READERS: u32 = 16;
/// "tidings" as a number, and two more, for PostgreSQL's advisory locks.
const MIGRATION_LOCK: i64 = 0x74_6964_696e_6773;
pub const ORDER_LOCK: i64 = MIGRATION_LOCK + 1;
pub const WITHDRAWAL_LOCK: i64 = MIGRATION_LOCK + 2;
const NAME: &str = "tidings";
/// How often a transaction that waits for a connection looks for one that can be freed.
const GIVE_WAY: Duration = Duration::from_millis(100);
/// A transaction that others wait for, and that has begun or ended no statement for this many
/// milliseconds, is stuck: nobody knows when it will end. One that makes progress does so within
/// some tens of milliseconds.
const STUCK: f64 = 400.0;
/// The timeout of the statements that end other transactions, which answer at once or not at all.
const ENDING: Duration = Duration::from_secs(1);

/// How long a database may take to say why it cannot be used.
const FIRST_ANSWER: Duration = Duration::from_secs(5);

/// How statements are planned.
pub const PLANS: [(&str, &str); 4] = [
    // The planner's custom plans cost more than they gain: every hot statement has one right plan.
    ("plan_cache_mode", "force_generic_plan"),
    // Compiling a plan takes longer than any of our statements.
    ("jit", "off"),
    // A generic plan assumes that a list of unknown length has ten or a hundred entries, and that
    // each finds as many rows as a LIMIT lets through: it would rather hash whole tables, or walk
    // two of them side by side, than look up what is a single row.
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// What a connection is for.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Read,
    Write,
    /// Creates tables, or waits for notifications: it may take its time.
    Other,
}

/// Opens connections. `name` is how PostgreSQL shows them.
async fn connect(
    url: &str,
    settings: &config::Database,
    name: &str,
    connections: u32,
    use_: Use,
) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(settings.acquire_timeout);
    options.sqlx_logging(false).record_stmt_in_spans(false).set_application_name(name);
    match use_ {
        // A transaction or a read discovers by itself that its connection has ended: checking each
        // time would cost a round trip.
        Use::Read | Use::Write => options
            .test_before_acquire(false)
            .test_before_acquire_if_idle_for(Duration::from_secs(5)),
        Use::Other => options.test_before_acquire(true),
    };
    let milliseconds = |time: Duration| time.as_millis().to_string();
    let own = match use_ {
        Use::Read => vec![("statement_timeout", milliseconds(settings.read_timeout))],
        Use::Write => vec![
            ("lock_timeout", milliseconds(settings.lock_timeout)),
            ("statement_timeout", milliseconds(settings.write_timeout)),
            ("idle_in_transaction_session_timeout", "30s".to_owned()),
        ],
        Use::Other => Vec::new(),
    };
    options.map_sqlx_postgres_opts(move |options| {
        let options = options.statement_cache_capacity(200).options(own.clone()).options(PLANS);
        options.options([(
            "default_transaction_read_only",
            if use_ == Use::Read { "on" } else { "off" },
        )])
    });
    if use_ == Use::Write {
        options.map_sqlx_postgres_pool_opts(|pool| {
            pool.after_release(|connection, _| {
                Box::pin(async move {
                    // Whatever was not committed comes here, with a transaction that is open or
                    // not: nobody knows if `begin` was cancelled.
                    sqlx::Executor::execute(connection, "ROLLBACK").await?;
                    Ok(true)
                })
            })
        });
    }
    Database::connect(options).await
}

/// Why there is no connection: the pool only says that there was none in time.
pub async fn no_answer(url: &str, error: DbErr) -> Error {
    let location = match Location::of(url) {
        Ok(location) => location,
        Err(error) => return error,
    };
    let cause = match &location {
        Location::Postgres(options) => {
            match timeout(FIRST_ANSWER, PgConnection::connect_with(options)).await {
                Ok(Err(sqlx::Error::Io(cause))) => cause.to_string(),
                Ok(Err(sqlx::Error::Database(cause))) => cause.message().to_owned(),
                Ok(Err(cause)) => cause.to_string(),
                Ok(Ok(_)) => error.to_string(),
                Err(_) => format!("no answer within {FIRST_ANSWER:?}"),
            }
        }
        Location::Sqlite(_) => error.to_string(),
    };
    Error::Unavailable(format!("{location}: {cause}"))
}

pub async fn open(
    url: &str,
    settings: &config::Database,
    hints: mpsc::UnboundedSender<Commit>,
    metrics: Arc<Metrics>,
) -> Result<Db> {
    if settings.writers == 0 {
        return Err(Error::invalid("database.writers", "must be at least 1"));
    }
    // Distinguishes the connections of this server from those of others.
    let name = format!("{NAME}-{:08x}", rand::rng().random::<u32>());
    let readers = settings.readers.unwrap_or(READERS);
    let statements = Arc::new(Statements::new(settings, metrics));
    let write = connect(url, settings, &name, settings.writers, Use::Write).await;
    let write = match write {
        Ok(write) => write,
        Err(error) => return Err(no_answer(url, error).await),
    };
    let read = connect(url, settings, &name, readers, Use::Read).await?;
    let bus = connect(url, settings, NAME, BUS_CONNECTIONS, Use::Other).await?;
    let bus = bus.get_postgres_connection_pool().clone();
    let stop = CancellationToken::new();
    let writers = Writers(Arc::new(Shared {
        url: url.to_owned(),
        settings: settings.clone(),
        name,
        connections: Kept::new(write.get_postgres_connection_pool()),
        pool: write,
        places: Arc::new(Semaphore::new(settings.writers as usize)),
        queue: Semaphore::new(settings.queue),
        statements: statements.clone(),
        helper: bus.clone(),
        giving_way: tokio::sync::Mutex::default(),
    }));
    Ok(Db {
        dialect: Dialect::Postgres,
        read: Reader::new(read, readers, statements.clone()),
        write: Write::Pool(writers),
        bus: Some(Bus { pool: bus, stop: stop.clone() }),
        hints,
        lock: Arc::new(Mutex::default()),
        statements,
        together: Together::new(settings.queue),
        questions: Arc::default(),
        probe: Arc::default(),
        tasks: TaskTracker::new(),
        until: CancellationToken::new(),
        in_background: false,
        stop,
    })
}

/// The connections for transactions, and the rules for who may have one.
///
/// A row that stays locked must not hold up transactions that do not need it. A transaction that
/// waits for a lock keeps its connection as long as nobody else needs it, for `lock_timeout` at
/// most. But when all connections are taken, the transactions that wait behind a [`STUCK`] one,
/// directly or in a queue, may keep half of the connections, the earliest first; the others are
/// cancelled, every [`GIVE_WAY`] as long as somebody waits for a connection. So the other half is
/// passed on at least that often, however many want the row. A queue that moves is left alone.
#[derive(Clone)]
pub struct Writers(Arc<Shared>);

struct Shared {
    url: String,
    settings: config::Database,
    /// The name of the connections for reads and transactions of this server, and of no other
    /// server.
    name: String,
    pool: DatabaseConnection,
    connections: Arc<Kept<Postgres>>,
    /// One for each connection: transactions wait here, in order, and not in the pool.
    places: Arc<Semaphore>,
    queue: Semaphore,
    statements: Arc<Statements>,
    /// Always has a connection for ending other transactions.
    helper: sqlx::PgPool,
    giving_way: tokio::sync::Mutex<()>,
}

impl Writers {
    /// A transaction, and the place that it occupies until it ends.
    pub async fn begin(&self, is_impatient: bool) -> Result<(Transaction, OwnedSemaphorePermit)> {
        let place = self.place().await?;
        let Shared { connections, statements, settings, .. } = &*self.0;
        let begin = || Transaction::begin_on_postgres(connections, statements, is_impatient);
        // A connection that was ended while idle is discovered here, where nothing has been
        // executed yet.
        let transaction = on_living(settings.writers, begin).await;
        Ok((transaction.inspect_err(|_| statements.suspect())?, place))
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit> {
        if let Ok(place) = self.0.places.clone().try_acquire_owned() {
            return Ok(place);
        }
        let refused = |why: &str| {
            self.0.statements.metrics.refused.count("transactions");
            Error::Unavailable(why.into())
        };
        let full = |_| refused("too many transactions wait for a connection");
        let _queued = self.0.queue.try_acquire().map_err(full)?;
        let (place, late) =
            (self.0.places.clone().acquire_owned(), sleep(self.0.settings.acquire_timeout));
        tokio::pin!(place, late);
        loop {
            tokio::select! {
                place = &mut place => return place.map_err(|_| Error::Unavailable("the server is stopping".into())),
                () = &mut late => return Err(refused("no connection was free in time")),
                () = sleep(GIVE_WAY) => self.give_way().await,
            }
        }
    }

    /// How many transactions wait for a connection.
    pub fn waiting(&self) -> usize {
        self.0.settings.queue.saturating_sub(self.0.queue.available_permits())
    }

    /// How many connections are in use, and how many there can be.
    pub fn in_use(&self) -> (usize, usize) {
        let all = self.0.settings.writers as usize;
        (all.saturating_sub(self.0.places.available_permits()), all)
    }

    /// Cancels transactions that wait behind a stuck one: all but those that may keep half of the
    /// connections, the latest first. They have changed nothing, and answer UNAVAILABLE.
    async fn give_way(&self) {
        let Ok(_alone) = self.0.giving_way.try_lock() else { return };
        // OFFSET in a separate query: otherwise the transactions that it skips would be cancelled,
        // too.
        let cancel = "WITH RECURSIVE waiting AS (\
                SELECT pid, query_start FROM pg_stat_activity \
                WHERE application_name = $1 AND wait_event_type = 'Lock'), \
            behind (waiter, blocker) AS (\
                SELECT w.pid, b FROM waiting AS w, unnest(pg_blocking_pids(w.pid)) AS b \
                UNION SELECT c.waiter, b \
                FROM behind AS c, unnest(pg_blocking_pids(c.blocker)) AS b), \
            hopeless AS (\
                SELECT DISTINCT c.waiter FROM behind AS c \
                LEFT JOIN pg_stat_activity AS a ON a.pid = c.blocker \
                WHERE a.wait_event_type IS DISTINCT FROM 'Lock' \
                    AND coalesce(a.state_change, '-infinity') \
                    < clock_timestamp() - $3 * interval '1 millisecond') \
            SELECT count(pg_cancel_backend(pid)) FROM (\
                SELECT w.pid FROM waiting AS w JOIN hopeless AS h ON h.waiter = w.pid \
                ORDER BY w.query_start OFFSET $2) AS late";
        let patient = i64::from(self.0.settings.writers / 2);
        let cancel = sqlx::query(cancel).bind(&self.0.name).bind(patient).bind(STUCK);
        if let Ok(Err(error)) = timeout(ENDING, cancel.execute(&self.0.helper)).await {
            tracing::warn!(%error, "transactions that wait for locks cannot be cancelled");
        }
    }

    /// Ends the connections of this server, and with them its work: PostgreSQL rolls that back at
    /// once, whereas a transaction that waits for a lock would not notice that its server has gone.
    pub async fn cut_off(&self, read: &Reader) {
        self.0.places.close();
        self.0.connections.give_back();
        for pool in [&self.0.pool, read.end()] {
            // Closed from here on; the returned future waits for the connections.
            drop(pool.get_postgres_connection_pool().close());
        }
        let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE application_name = $1";
        let end = sqlx::query(end).bind(&self.0.name);
        if !matches!(timeout(ENDING, end.execute(&self.0.helper)).await, Ok(Ok(_))) {
            tracing::warn!(
                "transactions cannot be ended; PostgreSQL rolls them back when it notices"
            );
        }
    }

    pub async fn close(&self) {
        self.0.connections.give_back();
        self.0.pool.get_postgres_connection_pool().close().await;
    }

    /// Reverts all migrations.
    pub async fn unmigrate(&self) -> Result<()> {
        let tx = self.0.pool.begin().await?;
        Migrator::down(&tx, None).await?;
        Ok(tx.commit().await?)
    }

    /// Brings the tables up to date, one server at a time, on separate connections: it waits as
    /// long as it takes.
    pub async fn migrate(&self) -> Result<()> {
        let pool = connect(&self.0.url, &self.0.settings, NAME, 2, Use::Other).await?;
        let connections = pool.get_postgres_connection_pool().clone();
        // Closed before the pool; closing it releases the lock.
        let mut lock = connections.acquire().await.map_err(unavailable)?.detach();
        let statement = sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK);
        statement.execute(&mut lock).await.map_err(unavailable)?;
        let migrated = Migrator::up(&pool, None).await;
        sqlx::Connection::close(lock).await.map_err(unavailable)?;
        connections.close().await;
        Ok(migrated?)
    }
}

/// PostgreSQL's NOTIFY and LISTEN between the servers on one database, on separate connections: it
/// waits for nobody.
#[derive(Clone)]
pub struct Bus {
    pool: sqlx::PgPool,
    stop: CancellationToken,
}

pub const CHANNEL: &str = "tidings";
/// One listens and one notifies.
const BUS_CONNECTIONS: u32 = 2;

impl Bus {
    /// Closes its connections, after the listener has closed.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Tells every server, including this one. Each of the payloads is less than 8 000 bytes.
    pub async fn notify(&self, payloads: &[String]) -> Result<()> {
        let statement = sqlx::query("SELECT pg_notify($1, p) FROM unnest($2) AS p")
            .bind(CHANNEL)
            .bind(payloads);
        statement.execute(&self.pool).await.map(drop).map_err(unavailable)
    }

    /// What the servers announce from now on.
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

/// The result of listening.
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
