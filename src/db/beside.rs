//! A connection beside the servers that have the database open. All but a look at whether it can be
//! written to only reads.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, TransactionTrait,
};

use super::{Location, Tables, WRITE_PROBE, postgres};
use crate::error::{Error, Result};

/// How long it waits for a connection, or for a moment when it can read.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens a database that servers may be using. Each statement sees a single moment, and no server
/// waits for any of them.
pub async fn beside(url: &str) -> Result<DatabaseConnection> {
    connect(url, Access::Read).await
}

/// Whether a database that is there can be written to, with these tables in it. What it writes is
/// rolled back at once.
pub async fn try_to_write(url: &str, tables: &Tables) -> Result<()> {
    let statement = match tables {
        Tables::Missing => "CREATE TABLE tidings_check (id bigint)",
        Tables::Current | Tables::Older | Tables::Newer(_) => WRITE_PROBE,
    };
    let connection = connect(url, Access::Write).await?;
    let tried = roll_back(&connection, statement).await;
    let _ = connection.close().await;
    tried
        .map_err(|error| Error::Unavailable(format!("it can be read, but not written to: {error}")))
}

async fn roll_back(connection: &DatabaseConnection, statement: &str) -> Result<(), DbErr> {
    let transaction = connection.begin().await?;
    transaction.execute_unprepared(statement).await?;
    transaction.rollback().await
}

#[derive(Clone, Copy, PartialEq)]
enum Access {
    Read,
    Write,
}

async fn connect(url: &str, access: Access) -> Result<DatabaseConnection> {
    let is_read_only = access == Access::Read;
    let mut options = match Location::of(url)? {
        Location::Sqlite(path) => {
            if !path.exists() {
                return Err(Error::Unavailable(format!("{} does not exist", path.display())));
            }
            let mut options = ConnectOptions::new("sqlite::memory:");
            // It does not take the lock: SQLite lets others read while one process writes.
            options.map_sqlx_sqlite_opts(move |options| {
                let options = options.in_memory(false).shared_cache(false).filename(&path);
                options
                    .read_only(is_read_only)
                    .busy_timeout(PATIENCE)
                    .pragma("mmap_size", "268435456")
                    .pragma("temp_store", "memory")
            });
            options
        }
        Location::Postgres(_) => {
            let mut options = ConnectOptions::new(url);
            options.set_application_name("tidings");
            options.map_sqlx_postgres_opts(move |options| {
                // To read may take long; to write waits for nobody for long.
                let patience = if is_read_only { 0 } else { PATIENCE.as_millis() }.to_string();
                options.options([
                    ("default_transaction_read_only", if is_read_only { "on" } else { "off" }),
                    ("jit", "off"),
                    ("statement_timeout", patience.as_str()),
                ])
            });
            options
        }
    };
    options
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>);
    options.acquire_timeout(PATIENCE).sqlx_logging(false).record_stmt_in_spans(false);
    match Database::connect(options).await {
        Ok(connection) => Ok(connection),
        Err(error) => Err(postgres::no_answer(url, error).await),
    }
}
