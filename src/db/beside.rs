//! A read-only connection, beside the servers that have the database open.

use std::time::Duration;

use sea_orm::{ConnectOptions, Database, DatabaseConnection};

use super::{Location, postgres};
use crate::error::{Error, Result};

/// How long it waits for a connection, or for a moment when it can read.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens a database that servers may be using. Each statement sees a single moment, and no server
/// waits for any of them.
pub async fn beside(url: &str) -> Result<DatabaseConnection> {
    let mut options = match Location::of(url)? {
        Location::Sqlite(path) => {
            if !path.exists() {
                return Err(Error::Unavailable(format!("{} does not exist", path.display())));
            }
            let mut options = ConnectOptions::new("sqlite::memory:");
            // It does not take the lock: SQLite lets others read while one process writes.
            options.map_sqlx_sqlite_opts(move |options| {
                let options =
                    options.in_memory(false).shared_cache(false).filename(&path).read_only(true);
                options
                    .busy_timeout(PATIENCE)
                    .pragma("mmap_size", "268435456")
                    .pragma("temp_store", "memory")
            });
            options
        }
        Location::Postgres(_) => {
            let mut options = ConnectOptions::new(url);
            options.set_application_name("tidings");
            options.map_sqlx_postgres_opts(|options| {
                options.options([
                    ("default_transaction_read_only", "on"),
                    ("jit", "off"),
                    ("statement_timeout", "0"),
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
