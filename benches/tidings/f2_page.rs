//! F2: the inbox page as a client shows it. The floor reads the same rows with two prepared statements.

use std::{ops::RangeInclusive, sync::Arc};

use chrono::{DateTime, Utc};
use sea_orm::sqlx::{self, PgConnection, SqliteConnection};
use serde_json::json;

use crate::{
    Bench, CONNECTIONS, Result, data,
    database::{self, Database, POSTGRES_CONNECTIONS, SQLITE_READERS},
    http::{self, Http},
    load::{self, Client},
    server::Server,
    table::Row,
};

pub const PAGE: i64 = 20;
pub const QUERY: &str = "{ viewer { inbox { counts { unread } items(first: 20) { nodes { \
                     id title seenAt readAt updatedAt about { ... on Message { sender { name } } } } } } } }";

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    let server = Server::start_and_settle(bench).await?;
    let owners = data::owners(bench.settings.items);
    let mut readers = readers(bench, &server, 1..=owners).await?;
    let mut floor = Vec::new();
    match &bench.database {
        Database::Sqlite(file) => {
            for _ in 0..SQLITE_READERS {
                floor.push(Floor {
                    connection: Connection::Sqlite(database::sqlite_reader(file).await?),
                    owners,
                });
            }
        }
        Database::Postgres(cluster) => {
            let pool = database::postgres(cluster).await?;
            for _ in 0..POSTGRES_CONNECTIONS {
                floor.push(Floor {
                    connection: Connection::Postgres(pool.acquire().await?.detach()),
                    owners,
                });
            }
        }
    }
    check(&mut readers[0], bench.settings.items / owners).await?;
    let (floor, tidings) = load::compare(bench, &server, floor, readers).await?;
    server.stop().await?;
    Ok(vec![Row::of_rates(work, &floor, &tidings)])
}

/// Clients that read the first pages of these people's inboxes.
pub async fn readers(
    bench: &Bench,
    server: &Server,
    people: RangeInclusive<i64>,
) -> Result<Vec<Reader>> {
    let requests = people.map(|user| Ok(http::graphql(&bench.token(user)?, QUERY, &json!({}))));
    readers_of(server, requests.collect::<Result<_>>()?).await
}

/// Clients that send any of these requests.
pub async fn readers_of(server: &Server, requests: Vec<Vec<u8>>) -> Result<Vec<Reader>> {
    let requests: Arc<[Vec<u8>]> = requests.into();
    let mut readers = Vec::new();
    for _ in 0..CONNECTIONS {
        let http = Http::connect(server.address).await?;
        readers.push(Reader { http, requests: requests.clone() });
    }
    Ok(readers)
}

pub struct Reader {
    http: Http,
    requests: Arc<[Vec<u8>]>,
}

impl Client for Reader {
    async fn once(&mut self) -> Result<u64> {
        let request = &self.requests[rand::random_range(0..self.requests.len())];
        self.http.send(request).await?;
        Ok(1)
    }
}

/// A fast answer to another question would say nothing.
async fn check(reader: &mut Reader, items: i64) -> Result<()> {
    let answer = reader.http.send(&reader.requests[0]).await?;
    let answer: serde_json::Value = serde_json::from_str(answer)?;
    let found = answer["data"]["viewer"]["inbox"]["items"]["nodes"].as_array().map_or(0, Vec::len);
    let expected = PAGE.min(items) as usize;
    if found == expected {
        Ok(())
    } else {
        Err(format!("{found} items instead of {expected}: {answer}").into())
    }
}

struct Floor {
    connection: Connection,
    owners: i64,
}

enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

const ITEMS: &str = "\
    SELECT i.id, i.seen_at, i.read_at, i.updated_at, m.id, m.subject, u.first_name, u.last_name \
    FROM inbox_item AS i JOIN message AS m ON m.id = i.message_id LEFT JOIN user_account AS u ON u.id = m.sender_id \
    WHERE i.user_id = $1 AND i.removed_at IS NULL AND i.archived_at IS NULL AND i.snoozed_until IS NULL \
    ORDER BY i.updated_at DESC, i.id DESC LIMIT 20";
const COUNTS: &str = "SELECT unread FROM inbox WHERE user_id = $1";

type Time = Option<DateTime<Utc>>;
type Item = (i64, Time, Time, Time, i64, String, Option<String>, Option<String>);

impl Client for Floor {
    async fn once(&mut self) -> Result<u64> {
        let user = rand::random_range(1..=self.owners);
        let (items, unread): (Vec<Item>, i32) = match &mut self.connection {
            Connection::Sqlite(connection) => (
                sqlx::query_as(ITEMS).bind(user).fetch_all(&mut *connection).await?,
                sqlx::query_scalar(COUNTS).bind(user).fetch_one(&mut *connection).await?,
            ),
            Connection::Postgres(connection) => (
                sqlx::query_as(ITEMS).bind(user).fetch_all(&mut *connection).await?,
                sqlx::query_scalar(COUNTS).bind(user).fetch_one(&mut *connection).await?,
            ),
        };
        std::hint::black_box((items, unread));
        Ok(1)
    }
}
