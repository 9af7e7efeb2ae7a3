//! The rows of a message to one person, written without the server: SQLite as many messages in one transaction as
//! clients would wait for it, PostgreSQL each message in one round trip.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::sqlx::{self, PgPool, Row, SqliteConnection};
use tokio::task::JoinHandle;

use crate::{
    Bench, CONNECTIONS, Result, data,
    database::{self, Database},
    f1_send::{BODY, Recipients, SUBJECT},
    load::Client,
};

/// As often as the server does.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(500);

pub enum Floor {
    Sqlite(Box<SqliteFloor>),
    Postgres(PostgresFloor),
}

impl Floor {
    /// `group`: how many messages SQLite writes in one transaction.
    pub async fn connect(bench: &Bench, recipients: Recipients, group: usize) -> Result<Self> {
        Ok(match &bench.database {
            Database::Sqlite(file) => {
                let writer = database::sqlite_writer(file).await?;
                let checkpoints = tokio::spawn(checkpoint(database::sqlite_writer(file).await?));
                Floor::Sqlite(Box::new(SqliteFloor { writer, recipients, group, checkpoints }))
            }
            Database::Postgres(cluster) => Floor::Postgres(PostgresFloor {
                pool: database::postgres(cluster).await?,
                recipients,
            }),
        })
    }
}

impl Client for Floor {
    async fn once(&mut self) -> Result<u64> {
        match self {
            Floor::Sqlite(floor) => floor.once().await,
            Floor::Postgres(floor) => floor.once().await,
        }
    }
}

pub struct SqliteFloor {
    writer: SqliteConnection,
    recipients: Recipients,
    group: usize,
    checkpoints: JoinHandle<()>,
}

/// There is one writer, so it can know the ids before it writes.
const SQLITE_ROWS: &str = "\
    INSERT INTO message \
    (id, sender_id, subject, body, depth, path, seq, recipient_count, seen_count, read_count, created_at) \
    VALUES ($1, $3, $5, $6, 0, x'', 0, 1, 0, 0, $7); \
    INSERT INTO message_audience (id, message_id, user_id, name, recipient_count, seen_count, read_count) \
    VALUES ($2, $1, $4, $8, 1, 0, 0); \
    INSERT INTO message_recipient (message_id, user_id, audience_id) VALUES ($1, $4, $2); \
    UPDATE inbox SET seq = seq + 1, active = active + 1, unread = unread + 1, unseen = unseen + 1 WHERE user_id = $4; \
    INSERT INTO inbox_item (user_id, kind, message_id, seq, arrived_seq, created_at, updated_at) \
    SELECT $4, 'message', $1, seq, seq, $7, $7 FROM inbox WHERE user_id = $4";

impl Client for SqliteFloor {
    async fn once(&mut self) -> Result<u64> {
        let writer = &mut self.writer;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *writer).await?;
        let next = "SELECT (SELECT max(id) FROM message), (SELECT max(id) FROM message_audience)";
        let last = sqlx::query(next).fetch_one(&mut *writer).await?;
        let (message, audience) = (last.get::<Option<i64>, _>(0), last.get::<Option<i64>, _>(1));
        for n in 1..=self.group {
            let rows = sqlx::query(SQLITE_ROWS)
                .bind(message.unwrap_or(0) + n as i64)
                .bind(audience.unwrap_or(0) + n as i64)
                .bind(data::sender(n))
                .bind(rand::random_range(self.recipients.clone()))
                .bind(SUBJECT)
                .bind(BODY)
                .bind(now())
                .bind("First Last");
            rows.execute(&mut *writer).await?;
        }
        sqlx::query("COMMIT").execute(&mut *writer).await?;
        Ok(self.group as u64)
    }
}

impl Drop for SqliteFloor {
    fn drop(&mut self) {
        self.checkpoints.abort();
    }
}

/// Checkpoints as the server does, until it is aborted.
pub async fn checkpoint(mut connection: SqliteConnection) {
    loop {
        tokio::time::sleep(CHECKPOINT_INTERVAL).await;
        if let Err(error) =
            sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut connection).await
        {
            println!("the floor cannot checkpoint: {error}");
        }
    }
}

#[derive(Clone)]
pub struct PostgresFloor {
    pool: PgPool,
    recipients: Recipients,
}

const POSTGRES_ROWS: &str = "\
    WITH m AS (INSERT INTO message \
      (sender_id, subject, body, depth, path, seq, recipient_count, seen_count, read_count, created_at) \
      VALUES ($1, $3, $4, 0, '', 0, 1, 0, 0, $5) RETURNING id), \
    a AS (INSERT INTO message_audience (message_id, user_id, name, recipient_count, seen_count, read_count) \
      SELECT id, $2, $6, 1, 0, 0 FROM m RETURNING id, message_id), \
    r AS (INSERT INTO message_recipient (message_id, user_id, audience_id) SELECT message_id, $2, id FROM a), \
    b AS (UPDATE inbox SET seq = seq + 1, active = active + 1, unread = unread + 1, unseen = unseen + 1 WHERE user_id = $2 RETURNING seq) \
    INSERT INTO inbox_item (user_id, kind, message_id, seq, arrived_seq, created_at, updated_at) \
    SELECT $2, 'message', m.id, b.seq, b.seq, $5, $5 FROM m, b";

impl Client for PostgresFloor {
    async fn once(&mut self) -> Result<u64> {
        let rows = sqlx::query(POSTGRES_ROWS)
            .bind(data::sender(rand::random_range(0..CONNECTIONS)))
            .bind(rand::random_range(self.recipients.clone()))
            .bind(SUBJECT)
            .bind(BODY)
            .bind(now())
            .bind("First Last");
        rows.execute(&self.pool).await?;
        Ok(1)
    }
}

pub fn now() -> DateTime<Utc> {
    tidings::clock::Clock::System.now()
}
