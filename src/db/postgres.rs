//! PostgreSQL has a pool for reads and a pool for transactions. Because sqlx can return a connection with an open
//! transaction when `begin` is cancelled (sqlx #4385), and the next plain insert on it would never be committed,
//! connections are rolled back when they come back. Several servers on one database tell each other of changes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbBackend,
    sqlx::{self, postgres::PgListener},
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{ACQUIRE_TIMEOUT, Db, Topic, Write, counted};
use crate::error::{Error, Result};

const READERS: u32 = 16;
const WRITERS: u32 = 16;
/// "tidings" as a number, and two more, for PostgreSQL's advisory locks.
const MIGRATION_LOCK: i64 = 0x74_6964_696e_6773;
pub const ORDER_LOCK: i64 = MIGRATION_LOCK + 1;
pub const WITHDRAWAL_LOCK: i64 = MIGRATION_LOCK + 2;

/// How statements are planned.
pub const PLANS: [(&str, &str); 4] = [
    // The planner's custom plans cost more than they gain: every hot statement has one right plan.
    ("plan_cache_mode", "force_generic_plan"),
    // Compiling a plan takes longer than any of our statements.
    ("jit", "off"),
    // A generic plan takes a list of unknown length for ten or a hundred, and each of them for as many rows as a LIMIT lets
    // through: it would rather hash whole tables, or walk two of them side by side, than look up what is one row.
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

pub async fn open(url: &str, hints: mpsc::UnboundedSender<Vec<Topic>>) -> Result<Db> {
    let connect = |connections: u32, writes: bool| {
        let mut options = ConnectOptions::new(url);
        options.max_connections(connections).min_connections(1).acquire_timeout(ACQUIRE_TIMEOUT);
        options.sqlx_logging(false).record_stmt_in_spans(false).set_application_name("tidings");
        options.test_before_acquire(false).test_before_acquire_if_idle_for(Duration::from_secs(5));
        options.map_sqlx_postgres_opts(move |options| {
            let options = options.statement_cache_capacity(200);
            let options = options.options(PLANS);
            options.options([
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
    let write = counted(connect(WRITERS, true).await?, &statements);
    let read = counted(connect(READERS, false).await?, &statements);
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

/// Brings the tables up to date, one server at a time.
pub async fn migrate(pool: &DatabaseConnection) -> Result<()> {
    // On a connection of its own, which ends and gives the lock back.
    let lock = pool.get_postgres_connection_pool().acquire().await.map_err(unavailable)?;
    let mut lock = lock.detach();
    let statement = sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK);
    statement.execute(&mut lock).await.map_err(unavailable)?;
    let migrated = Migrator::up(pool, None).await;
    sqlx::Connection::close(lock).await.map_err(unavailable)?;
    Ok(migrated?)
}

/// PostgreSQL's NOTIFY and LISTEN between the servers on one database, on connections of its own: it waits for nobody.
#[derive(Clone)]
pub struct Bus {
    pool: sqlx::PgPool,
    stop: CancellationToken,
}

pub const CHANNEL: &str = "tidings";
/// One listens, one notifies.
const BUS_CONNECTIONS: u32 = 2;

impl Bus {
    /// Ends its connections, after the listener has.
    pub async fn close(&self) {
        self.pool.close().await;
    }

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
