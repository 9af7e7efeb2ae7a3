//! The database under test, and the connections with which the floors use it, set up as the server's own are.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, Database as Connection,
    sqlx::{
        ConnectOptions, PgPool, SqliteConnection,
        postgres::{PgConnectOptions, PgPoolOptions},
        sqlite::{SqliteConnectOptions, SqliteSynchronous},
    },
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

    /// A new database beside this one, without tables.
    pub async fn another(&self, name: &str) -> Result<Self> {
        Ok(match self {
            Database::Sqlite(file) => Database::Sqlite(file.with_file_name(format!("{name}.db"))),
            Database::Postgres(cluster) => {
                let connection = Connection::connect(cluster.url()).await?;
                connection.execute_unprepared(&format!("CREATE DATABASE {name}")).await?;
                connection.close().await?;
                Database::Postgres(Box::new(cluster.named(name)))
            }
        })
    }

    /// A time after 1970, in SQL: `second` of them after some start.
    pub fn time(&self, second: &str) -> String {
        match self {
            Database::Sqlite(_) => {
                format!(
                    "strftime('%Y-%m-%dT%H:%M:%f000+00:00', 1700000000 + {second}, 'unixepoch')"
                )
            }
            Database::Postgres(_) => format!("to_timestamp(1700000000 + {second})"),
        }
    }

    /// Runs statements that fill tables; afterwards the database is as if their rows had been there for long.
    pub async fn fill(&self, statements: &[String], tables: &str) -> Result<()> {
        let (before, after) = match self {
            Database::Sqlite(_) => (
                "PRAGMA synchronous = OFF; PRAGMA cache_size = -200000",
                "PRAGMA wal_checkpoint(TRUNCATE)".to_owned(),
            ),
            // What it would do by itself in time: plans follow from what it knows of the tables.
            Database::Postgres(_) => ("CHECKPOINT", format!("VACUUM ANALYZE {tables}")),
        };
        let connection = Connection::connect(self.url()).await?;
        connection.execute_unprepared(before).await?;
        for statement in statements {
            connection.execute_unprepared(statement).await?;
        }
        connection.execute_unprepared(&after).await?;
        connection.execute_unprepared(before).await?;
        Ok(connection.close().await?)
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
    let options =
        sqlite(file).synchronous(SqliteSynchronous::Full).pragma("wal_autocheckpoint", "0");
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
    let options = PgConnectOptions::from_str(&cluster.url())?
        .options([("plan_cache_mode", "force_generic_plan")]);
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS as u32)
        .test_before_acquire(false);
    Ok(pool.connect_with(options.disable_statement_logging()).await?)
}
