//! F5: an announcement to everybody, however many they are, in a database of its own that grows. The floor inserts one row into
//! the same table. The rows that an announcement writes are counted in all tables.

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
    load::{self, Client},
    server::{self, Server},
    table::{self, Row},
};

const USERS: [i64; 2] = [1_000, 1_000_000];
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
    let floor = Floor::connect(bench).await?;
    http.send(&request).await?;
    let connection = Connection::connect(bench.database.url()).await?;
    let before = all_rows(bench, &connection).await?;
    http.send(&request).await?;
    let written = all_rows(bench, &connection).await? - before;
    connection.close().await?;

    let announcer = vec![Announcer { http, request }];
    let (floor, tidings) = load::compare(bench, &server, vec![floor], announcer).await?;
    server.stop().await?;
    Ok(Row::of_times(&format!("{work}; rows written: {written}"), &floor, &tidings))
}

struct Announcer {
    http: Http,
    request: Vec<u8>,
}

impl Client for Announcer {
    async fn once(&mut self) -> Result<u64> {
        self.http.send(&self.request).await?;
        Ok(1)
    }
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
}

impl Client for Floor {
    /// Inserts a row.
    async fn once(&mut self) -> Result<u64> {
        let now = tidings::clock::Clock::System.now();
        match self {
            Floor::Sqlite(connection) => {
                let insert = sqlx::query(INSERT).bind(SUBJECT).bind(BODY).bind(now);
                insert.execute(&mut **connection).await?;
            }
            Floor::Postgres(pool) => {
                let insert = sqlx::query(INSERT).bind(SUBJECT).bind(BODY).bind(now);
                insert.execute(&*pool).await?;
            }
        }
        Ok(1)
    }
}
