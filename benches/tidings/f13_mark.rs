//! F13: a durable markRead of one item, each of another one, in a random one of the full inboxes. The floor changes the same
//! rows: SQLite as many items in one transaction as clients would wait for it, PostgreSQL each item in one round trip.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use rand::seq::SliceRandom;
use sea_orm::sqlx::{self, PgPool, SqliteConnection};
use serde_json::json;
use tidings::id::Kind;

use crate::{
    Bench, CONNECTIONS, Result, data,
    database::{self, Database},
    f1_floor::{checkpoint, now},
    http::{self, Http},
    load::{self, Client},
    server::Server,
    table::Row,
};

/// More than the floor and the server can mark in a second, both together.
const ITEMS_A_SECOND: i64 = 60_000;
const MARK: &str =
    "mutation($id: ID!) { markRead(input: {itemIds: [$id]}) { items { id readAt } } }";

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    let items = Items::unread(bench).await?;
    let server = Server::start_and_settle(bench).await?;
    let tokens: Result<Arc<[String]>> = (1..=items.owners).map(|user| bench.token(user)).collect();
    let tokens = tokens?;
    let mut readers = Vec::new();
    for _ in 0..CONNECTIONS {
        let http = Http::connect(server.address).await?;
        readers.push(Reader { http, tokens: tokens.clone(), items: items.clone() });
    }
    let (floor, tidings) = match &bench.database {
        Database::Sqlite(file) => {
            let checkpoints = tokio::spawn(checkpoint(database::sqlite_writer(file).await?));
            let floor = SqliteFloor { writer: database::sqlite_writer(file).await?, items };
            let compared = load::compare(bench, &server, vec![floor], readers).await;
            checkpoints.abort();
            compared?
        }
        Database::Postgres(cluster) => {
            let floor = PostgresFloor { pool: database::postgres(cluster).await?, items };
            load::compare(bench, &server, vec![floor; CONNECTIONS], readers).await?
        }
    };
    server.stop().await?;
    Ok(vec![Row::of_rates(work, &floor, &tidings)])
}

/// Items that nobody has read, in any order; each is taken once.
#[derive(Clone)]
struct Items {
    all: Arc<[i64]>,
    next: Arc<AtomicUsize>,
    owners: i64,
}

impl Items {
    /// Makes the newest items of the full inboxes unread.
    async fn unread(bench: &Bench) -> Result<Self> {
        let items = bench.settings.items;
        let seconds = bench.settings.time.as_secs() as i64;
        let first = 1 + (items - ITEMS_A_SECOND * seconds).max(0);
        let tally = "UPDATE inbox SET unread = t.n, unseen = t.n FROM \
            (SELECT user_id, CAST(count(*) AS integer) AS n FROM inbox_item \
              WHERE read_at IS NULL AND removed_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL \
              GROUP BY user_id) AS t WHERE inbox.user_id = t.user_id"
            .to_owned();
        let unread = format!(
            "UPDATE inbox_item SET read_at = NULL, seen_at = NULL WHERE id BETWEEN {first} AND {items}"
        );
        bench.database.fill(&[unread, tally], "inbox, inbox_item").await?;
        let mut all: Vec<_> = (first..=items).collect();
        all.shuffle(&mut rand::rng());
        Ok(Items { all: all.into(), next: Arc::default(), owners: data::owners(items) })
    }

    fn take(&self) -> Result<i64> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        Ok(*self.all.get(next).ok_or("every item is read: there are too few of them")?)
    }
}

struct Reader {
    http: Http,
    tokens: Arc<[String]>,
    items: Items,
}

impl Client for Reader {
    async fn once(&mut self) -> Result<u64> {
        let item = self.items.take()?;
        let token = &self.tokens[(data::owner(item, self.items.owners) - 1) as usize];
        let id = Kind::InboxItem.encode(item);
        self.http.send(&http::graphql(token, MARK, &json!({"id": id}))).await?;
        Ok(1)
    }
}

struct SqliteFloor {
    writer: SqliteConnection,
    items: Items,
}

/// The first items, messages, addresses and recipients have the same ids.
const SQLITE_ROWS: &str = "\
    UPDATE inbox SET seq = seq + 1, unread = unread - 1, unseen = unseen - 1 WHERE user_id = $2; \
    UPDATE inbox_item SET read_at = $3, seen_at = $3, seq = (SELECT seq FROM inbox WHERE user_id = $2) WHERE id = $1; \
    UPDATE message_recipient SET read_at = $3, seen_at = $3 WHERE message_id = $1 AND user_id = $2; \
    UPDATE message SET seen_count = seen_count + 1, read_count = read_count + 1, \
    first_read_at = coalesce(first_read_at, $3), last_read_at = $3 WHERE id = $1; \
    UPDATE message_audience SET seen_count = seen_count + 1, read_count = read_count + 1, \
    first_read_at = coalesce(first_read_at, $3), last_read_at = $3 WHERE id = $1";

impl Client for SqliteFloor {
    async fn once(&mut self) -> Result<u64> {
        let writer = &mut self.writer;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *writer).await?;
        for _ in 0..CONNECTIONS {
            let item = self.items.take()?;
            let rows = sqlx::query(SQLITE_ROWS)
                .bind(item)
                .bind(data::owner(item, self.items.owners))
                .bind(now());
            rows.execute(&mut *writer).await?;
        }
        sqlx::query("COMMIT").execute(&mut *writer).await?;
        Ok(CONNECTIONS as u64)
    }
}

#[derive(Clone)]
struct PostgresFloor {
    pool: PgPool,
    items: Items,
}

const POSTGRES_ROWS: &str = "\
    WITH b AS (UPDATE inbox SET seq = seq + 1, unread = unread - 1, unseen = unseen - 1 WHERE user_id = $2 RETURNING seq), \
    i AS (UPDATE inbox_item SET read_at = $3, seen_at = $3, seq = b.seq FROM b WHERE id = $1), \
    r AS (UPDATE message_recipient SET read_at = $3, seen_at = $3 WHERE message_id = $1 AND user_id = $2), \
    m AS (UPDATE message SET seen_count = seen_count + 1, read_count = read_count + 1, \
      first_read_at = coalesce(first_read_at, $3), last_read_at = $3 WHERE id = $1) \
    UPDATE message_audience SET seen_count = seen_count + 1, read_count = read_count + 1, \
      first_read_at = coalesce(first_read_at, $3), last_read_at = $3 WHERE id = $1";

impl Client for PostgresFloor {
    async fn once(&mut self) -> Result<u64> {
        let item = self.items.take()?;
        let rows = sqlx::query(POSTGRES_ROWS)
            .bind(item)
            .bind(data::owner(item, self.items.owners))
            .bind(now());
        rows.execute(&self.pool).await?;
        Ok(1)
    }
}
