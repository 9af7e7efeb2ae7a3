//! The database under test, and the connections with which the floors use it, set up as the server's own are.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sea_orm::sqlx::{
    ConnectOptions, PgPool, SqliteConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};

use crate::{Result, postgres::Cluster};

pub enum Database {
    Sqlite(PathBuf),
    Postgres(Box<Cluster>),
}

/// How many connections the server has for reads, and on PostgreSQL as many again for writes.
pub const SQLITE_READERS: usize = 4;
pub const POSTGRES_CONNECTIONS: usize = 16;

impl Database {
    pub fn url(&self) -> String {
        match self {
            Database::Sqlite(file) => format!("sqlite:{}", file.display()),
            Database::Postgres(cluster) => cluster.url(),
        }
    }

    /// The CPU time of a database that is a process of its own.
    pub fn cpu(&self) -> Result<Option<Duration>> {
        match self {
            Database::Sqlite(_) => Ok(None),
            Database::Postgres(cluster) => cluster.cpu().map(Some),
        }
    }
}

/// A connection for durable writes. It leaves the log alone: another one checkpoints.
pub async fn sqlite_writer(file: &Path) -> Result<SqliteConnection> {
    let options = sqlite(file).synchronous(SqliteSynchronous::Full).pragma("wal_autocheckpoint", "0");
    Ok(options.connect().await?)
}

pub async fn sqlite_reader(file: &Path) -> Result<SqliteConnection> {
    Ok(sqlite(file).read_only(true).connect().await?)
}

fn sqlite(file: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(file).foreign_keys(true);
    let options = options.pragma("cache_size", "-16000").pragma("mmap_size", "268435456");
    options.busy_timeout(Duration::from_secs(5)).disable_statement_logging()
}

pub async fn postgres(cluster: &Cluster) -> Result<PgPool> {
    let options = PgConnectOptions::from_str(&cluster.url())?.options([("plan_cache_mode", "force_generic_plan")]);
    let pool = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS as u32).test_before_acquire(false);
    Ok(pool.connect_with(options.disable_statement_logging()).await?)
}
