//! F5: an announcement to everybody, however many they are, in a database of its own that grows. The floor inserts one row into
//! the same table. The rows that an announcement writes are counted in all tables.

use std::time::{Duration, Instant};

use sea_orm::{
    ConnectionTrait, Database as Connection, DatabaseConnection,
    sqlx::{self, PgPool, SqliteConnection},
};
use serde_json::json;

use crate::{
    Bench, Result, data,
    database::{self, Database},
    f1_send::{BODY, SUBJECT},
    http::{self, Http},
    load::{Meter, Sample},
    server::{self, Server},
    table::{self, Row},
};

const USERS: [i64; 3] = [1_000, 100_000, 1_000_000];
const WARM_UP: u32 = 50;
const CREATE: &str = "mutation($input: CreateAnnouncementInput!) { \
                      createAnnouncement(input: $input) { announcement { id } } }";

/// The request that announces something.
pub fn create_announcement(token: &str, title: &str) -> Vec<u8> {
    http::graphql(token, CREATE, &json!({"input": {"title": title, "body": BODY}}))
}

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    let bench = Bench::on(bench.database.another("announcements").await?, &bench.settings)?;
    server::migrate(&bench.database.url(), &bench.settings)?;
    let mut rows = Vec::new();
    for users in USERS {
        data::grow(&bench.database, users).await?;
        rows.push(at(&bench, &format!("{work} at {} users", table::number(users as f64))).await?);
    }
    Ok(rows)
}

async fn at(bench: &Bench, work: &str) -> Result<Row> {
    let server = Server::start_and_settle(bench).await?;
    let mut http = Http::connect(server.address).await?;
    let request = create_announcement(&bench.service()?, SUBJECT);
    let mut floor = Floor::connect(bench).await?;
    for _ in 0..WARM_UP {
        http.send(&request).await?;
        floor.once().await?;
    }
    let connection = Connection::connect(bench.database.url()).await?;
    let before = all_rows(bench, &connection).await?;
    http.send(&request).await?;
    let written = all_rows(bench, &connection).await? - before;
    connection.close().await?;

    let (mut floor_sample, mut tidings) = (Sample::default(), Sample::default());
    let meter = Meter::start(bench, &server)?;
    let end = Instant::now() + bench.settings.time;
    while Instant::now() < end {
        floor_sample.add(1, floor.once().await?);
        let begin = Instant::now();
        http.send(&request).await?;
        tidings.add(1, begin.elapsed());
    }
    tidings.server_cpu = meter.stop()?.server_cpu;
    server.stop().await?;
    Ok(Row::of_times(&format!("{work}; rows written: {written}"), &floor_sample, &tidings))
}

/// How many rows there are in all tables.
async fn all_rows(bench: &Bench, connection: &DatabaseConnection) -> Result<i64> {
    let tables = match bench.database {
        Database::Sqlite(_) => "SELECT name FROM sqlite_master WHERE type = 'table'",
        Database::Postgres(_) => {
            "SELECT CAST(tablename AS text) FROM pg_tables WHERE schemaname = 'public'"
        }
    };
    let tables = connection.query_all_raw(bench.statement(tables)).await?;
    let counts = tables.iter().map(|row| {
        Ok(format!("(SELECT count(*) FROM \"{}\")", row.try_get_by_index::<String>(0)?))
    });
    let counts = format!("SELECT {}", counts.collect::<Result<Vec<_>>>()?.join(" + "));
    let row = connection
        .query_one_raw(bench.statement(&counts))
        .await?
        .ok_or("a select without a row")?;
    Ok(row.try_get_by_index(0)?)
}

enum Floor {
    Sqlite(Box<SqliteConnection>),
    Postgres(PgPool),
}

const INSERT: &str = "\
    INSERT INTO announcement (title, body, publish_at, position, seen_count, read_count, created_at) \
    VALUES ($1, $2, $3, (SELECT coalesce(max(position), 0) + 1 FROM announcement), 0, 0, $3)";

impl Floor {
    async fn connect(bench: &Bench) -> Result<Self> {
        Ok(match &bench.database {
            Database::Sqlite(file) => Floor::Sqlite(Box::new(database::sqlite_writer(file).await?)),
            Database::Postgres(cluster) => Floor::Postgres(database::postgres(cluster).await?),
        })
    }

    /// Inserts a row; gives the time until it is durable.
    async fn once(&mut self) -> Result<Duration> {
        let (begin, now) = (Instant::now(), tidings::clock::Clock::System.now());
        match self {
            Floor::Sqlite(connection) => {
                sqlx::query(INSERT)
                    .bind(SUBJECT)
                    .bind(BODY)
                    .bind(now)
                    .execute(&mut **connection)
                    .await?;
            }
            Floor::Postgres(pool) => {
                sqlx::query(INSERT).bind(SUBJECT).bind(BODY).bind(now).execute(&*pool).await?;
            }
        }
        Ok(begin.elapsed())
    }
}
