//! F12: a page of the read report: 20 messages to 100 000 people each. The floor reads the same rows with one prepared
//! statement.

use chrono::{DateTime, Utc};
use sea_orm::{
    Database as Connection,
    sqlx::{self, PgConnection, SqliteConnection},
};
use serde_json::json;

use crate::{
    Bench, CONNECTIONS, Result, crowd,
    database::{self, Database, POSTGRES_CONNECTIONS, SQLITE_READERS},
    http::{self, Http},
    load::{self, Client},
    server::Server,
    table::Row,
};

const PAGE: i64 = 20;
const QUERY: &str = "{ readReport(first: 20) { nodes { id sentAt message { subject } sentTo { name } \
                     readStats { recipientCount readCount readRate } } } }";
/// As a range, and by sender first: otherwise PostgreSQL may walk through everybody's messages, which takes 124 ms.
const ROWS: &str = "\
    SELECT a.id, m.created_at, m.subject, a.name, a.recipient_count, a.read_count \
    FROM message AS m JOIN message_audience AS a ON a.message_id = m.id \
    WHERE m.sender_id BETWEEN $1 AND $1 ORDER BY m.sender_id DESC, m.id DESC, a.id DESC LIMIT 20";

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    let connection = Connection::connect(bench.database.url()).await?;
    crowd::gather(&bench.database, &connection).await?;
    crowd::send(&connection, "Report", PAGE, crowd::SIZE, false).await?;
    crowd::settle(&bench.database, &connection).await?;
    let sender = crowd::sender(&connection).await?;
    connection.close().await?;

    let server = Server::start_and_settle(bench).await?;
    let request = http::graphql(&bench.token(sender)?, QUERY, &json!({}));
    let mut readers = Vec::new();
    for _ in 0..CONNECTIONS {
        readers
            .push(Reader { http: Http::connect(server.address).await?, request: request.clone() });
    }
    let mut floor = Vec::new();
    match &bench.database {
        Database::Sqlite(file) => {
            for _ in 0..SQLITE_READERS {
                let side = Side::Sqlite(database::sqlite_reader(file).await?);
                floor.push(Floor { side, sender });
            }
        }
        Database::Postgres(cluster) => {
            let pool = database::postgres(cluster).await?;
            for _ in 0..POSTGRES_CONNECTIONS {
                let side = Side::Postgres(pool.acquire().await?.detach());
                floor.push(Floor { side, sender });
            }
        }
    }
    let answer: serde_json::Value = serde_json::from_str(readers[0].http.send(&request).await?)?;
    let rows = answer["data"]["readReport"]["nodes"].as_array().map_or(0, Vec::len);
    if rows != PAGE as usize {
        return Err(format!("{rows} rows instead of {PAGE}: {answer}").into());
    }
    let (floor, tidings) = load::compare(bench, &server, floor, readers).await?;
    server.stop().await?;
    Ok(vec![Row::of_rates(work, &floor, &tidings)])
}

struct Reader {
    http: Http,
    request: Vec<u8>,
}

impl Client for Reader {
    async fn once(&mut self) -> Result<u64> {
        self.http.send(&self.request).await?;
        Ok(1)
    }
}

struct Floor {
    side: Side,
    sender: i64,
}

enum Side {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

type Found = (i64, DateTime<Utc>, String, String, i32, i32);

impl Client for Floor {
    async fn once(&mut self) -> Result<u64> {
        let rows: Vec<Found> = match &mut self.side {
            Side::Sqlite(connection) => {
                sqlx::query_as(ROWS).bind(self.sender).fetch_all(connection).await?
            }
            Side::Postgres(connection) => {
                sqlx::query_as(ROWS).bind(self.sender).fetch_all(connection).await?
            }
        };
        std::hint::black_box(rows);
        Ok(1)
    }
}
