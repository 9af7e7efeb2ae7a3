//! F9: what people do, told one by one and in batches. Targets and actors are known. The floor inserts the same rows: PostgreSQL
//! each call in one round trip, SQLite as many calls in one transaction as clients would wait for it.

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, Database as Connection,
    sqlx::{self, AssertSqlSafe, PgPool, SqliteConnection},
};
use serde_json::{Value, json};

use crate::{
    Bench, CONNECTIONS, Result, data,
    database::{self, Database},
    http::{self, Http},
    load::{self, Client},
    server::Server,
    table::Row,
};

const TARGETS: i64 = 1_000;
/// Requests are made before the clock runs.
const REQUESTS: usize = 64;
const DATA: &str = "{\"preview\":\"I have looked for this all day, and here it is: thank you very much for sharing it!\"}";
const CREATE: &str = "mutation($input: CreateActivitiesInput!) { createActivities(input: $input) { activities { id } } }";

/// The request that tells of activities.
pub fn create_activities(token: &str, activities: &[Value]) -> Vec<u8> {
    http::graphql(token, CREATE, &json!({"input": {"activities": activities}}))
}

pub async fn run(bench: &Bench, work: &str, batch: usize) -> Result<Vec<Row>> {
    let known = format!(
        "{} INSERT INTO target (type, external_id, created_at) SELECT 'post', 'f9-' || i, {} FROM n WHERE true \
         ON CONFLICT DO NOTHING",
        data::up_to(TARGETS),
        bench.database.time("0")
    );
    bench.database.fill(&[known], "target").await?;
    let server = Server::start_and_settle(bench).await?;
    let service = bench.service()?;
    let requests = (0..REQUESTS)
        .map(|_| create_activities(&service, &(0..batch).map(|_| activity()).collect::<Vec<_>>()));
    let requests: Arc<[Vec<u8>]> = requests.collect();
    let mut tellers = Vec::new();
    for _ in 0..CONNECTIONS {
        tellers.push(Teller {
            http: Http::connect(server.address).await?,
            requests: requests.clone(),
            batch,
        });
    }
    let rows = Rows::of(bench, batch).await?;
    let (floor, tidings) = match &bench.database {
        Database::Sqlite(file) => {
            let floor = SqliteFloor { writer: database::sqlite_writer(file).await?, rows };
            load::compare(bench, &server, vec![floor], tellers).await?
        }
        Database::Postgres(cluster) => {
            let floor = PostgresFloor { pool: database::postgres(cluster).await?, rows };
            load::compare(bench, &server, vec![floor; CONNECTIONS], tellers).await?
        }
    };
    server.stop().await?;
    Ok(vec![Row::of_rates(work, &floor, &tidings)])
}

/// Somebody comments on something.
fn activity() -> Value {
    let (actor, target) = (rand::random_range(1..=data::MEMBERS), rand::random_range(1..=TARGETS));
    json!({"actor": {"externalId": data::external_id(actor)}, "action": "comment",
        "target": {"type": "post", "externalId": format!("f9-{target}")},
        "data": serde_json::from_str::<Value>(DATA).unwrap_or_default()})
}

struct Teller {
    http: Http,
    requests: Arc<[Vec<u8>]>,
    batch: usize,
}

impl Client for Teller {
    async fn once(&mut self) -> Result<u64> {
        self.http.send(&self.requests[rand::random_range(0..self.requests.len())]).await?;
        Ok(self.batch as u64)
    }
}

/// What the floor inserts.
#[derive(Clone)]
struct Rows {
    insert: Arc<str>,
    batch: usize,
    first_target: i64,
}

impl Rows {
    async fn of(bench: &Bench, batch: usize) -> Result<Self> {
        let row = |n: usize| {
            format!("(${}, 'comment', ${}, ${}, ${}, ${})", n + 1, n + 2, n + 3, n + 4, n + 4)
        };
        let rows: Vec<_> = (0..batch).map(|n| row(4 * n)).collect();
        let columns = "actor_id, action, target_id, data, occurred_at, created_at";
        let insert = format!("INSERT INTO activity ({columns}) VALUES {}", rows.join(", ")).into();
        let connection = Connection::connect(bench.database.url()).await?;
        let first = bench.statement("SELECT id FROM target WHERE external_id = 'f9-1'");
        let first = connection.query_one_raw(first).await?.ok_or("a target is missing")?;
        connection.close().await?;
        Ok(Rows { insert, batch, first_target: first.try_get_by_index(0)? })
    }
}

/// Binds the values of all rows.
macro_rules! query {
    ($rows:expr) => {{
        let mut query = sqlx::query(AssertSqlSafe($rows.insert.clone()));
        let now = tidings::clock::Clock::System.now();
        for _ in 0..$rows.batch {
            let (actor, target) =
                (rand::random_range(1..=data::MEMBERS), rand::random_range(0..TARGETS));
            query = query.bind(actor).bind($rows.first_target + target).bind(DATA).bind(now);
        }
        query
    }};
}

struct SqliteFloor {
    writer: SqliteConnection,
    rows: Rows,
}

impl Client for SqliteFloor {
    async fn once(&mut self) -> Result<u64> {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut self.writer).await?;
        for _ in 0..CONNECTIONS {
            query!(self.rows).execute(&mut self.writer).await?;
        }
        sqlx::query("COMMIT").execute(&mut self.writer).await?;
        Ok((CONNECTIONS * self.rows.batch) as u64)
    }
}

#[derive(Clone)]
struct PostgresFloor {
    pool: PgPool,
    rows: Rows,
}

impl Client for PostgresFloor {
    async fn once(&mut self) -> Result<u64> {
        query!(self.rows).execute(&self.pool).await?;
        Ok(self.rows.batch as u64)
    }
}
