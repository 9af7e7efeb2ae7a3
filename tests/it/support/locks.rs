//! Locks on PostgreSQL: holding one from outside of the server, and seeing who waits.

use std::{
    ops::RangeBounds,
    time::{Duration, Instant},
};

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};

use super::app::TestApp;

/// How long to wait for something that has to happen.
pub const SOON: Duration = Duration::from_secs(10);

/// Foreign connections to a server's database: one to hold locks, and one to observe.
pub async fn outside(app: &TestApp) -> DatabaseConnection {
    let mut options = ConnectOptions::new(&*app.config.database_url);
    options.max_connections(2).sqlx_logging(false);
    Database::connect(options).await.unwrap()
}

pub async fn number(connection: &impl ConnectionTrait, app: &TestApp, sql: &str) -> i64 {
    let row = connection.query_one_raw(app.db.statement(sql, [])).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// How many transactions of this database wait for a lock.
pub const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// Waits until this many transactions wait for a lock.
pub async fn until_waiting(
    outside: &impl ConnectionTrait,
    app: &TestApp,
    counts: impl RangeBounds<i64>,
) {
    let since = Instant::now();
    while !counts.contains(&number(outside, app, WAITING).await) {
        assert!(since.elapsed() < SOON, "not seen in time");
    }
}

/// Locks Bob's inbox.
pub const LOCK: &str = "SELECT * FROM inbox
    WHERE user_id = (SELECT id FROM user_account WHERE external_id = 'bob') FOR UPDATE";
