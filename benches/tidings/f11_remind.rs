//! F11: from the moment when reminders are due until everybody is reminded. The floor updates as many rows of one table that
//! has the columns of an inbox item and the index of the inbox page, in one statement.
//!
//! The rows are made due beside the server. A message with an expiry wakes its loop, which then finds them.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Database as Connection, DatabaseConnection, DbBackend, Statement};
use serde_json::json;

use crate::{
    Bench, Result,
    crowd::{self, PAST},
    data,
    database::Database,
    http::{self, Http},
    load::{Meter, Sample},
    server::Server,
    table::Row,
};

/// The median of these is shown; the first time of all is not one of them.
const TIMES: usize = 3;
const LOOK_EVERY: Duration = Duration::from_millis(2);
const TIMEOUT: Duration = Duration::from_secs(120);

const INDEXES: [&str; 2] = [
    "CREATE UNIQUE INDEX floor_reminded_id ON floor_reminded (id)",
    "CREATE INDEX floor_reminded_page ON floor_reminded (user_id, updated_at, id)",
];

pub async fn run(bench: &Bench, work: &str, messages: i64, recipients: i64) -> Result<Vec<Row>> {
    let connection = Connection::connect(bench.database.url()).await?;
    let subject = format!("Reminder of {messages}");
    crowd::gather(&bench.database, &connection).await?;
    crowd::send(&connection, &subject, messages, recipients, true).await?;
    let ours = format!("SELECT id FROM message WHERE subject = '{subject}'");
    for statement in [
        format!(
            "INSERT INTO reminder (message_id, frequency, step, until, zone, since) \
             SELECT id, 'daily', '1 day', 'read', 'UTC', {PAST} FROM ({ours}) AS m"
        ),
        format!(
            "CREATE TABLE floor_reminded AS SELECT * FROM inbox_item WHERE message_id IN ({ours})"
        ),
    ] {
        connection.execute_unprepared(&statement).await?;
    }
    for index in INDEXES {
        connection.execute_unprepared(index).await?;
    }
    if matches!(bench.database, Database::Sqlite(_)) {
        connection.execute_unprepared("PRAGMA synchronous = FULL").await?;
    }
    crowd::settle(&bench.database, &connection).await?;

    let server = Server::start_and_settle(bench).await?;
    let mut http = Http::connect(server.address).await?;
    let wake = http::graphql(
        &bench.token(data::sender(0))?,
        "mutation Send($input: CreateMessageInput!) { createMessage(input: $input) { message { id } } }",
        &json!({"input": {"to": [{"user": {"externalId": data::external_id(1)}}], "subject": "Wake up", "body": "",
            "expiresAt": "2900-01-01T00:00:00Z"}}),
    );
    let (mut floor, mut tidings) = (Sample::default(), Sample::default());
    for time in 0..=TIMES {
        let meter = Meter::start(bench, &server)?;
        let update = format!(
            "UPDATE floor_reminded SET seq = seq + 1, read_at = NULL, reminded_at = {PAST}, updated_at = created_at"
        );
        connection.execute_unprepared(&update).await?;
        let floor_time = meter.stop()?;
        let due = format!("UPDATE reminder SET next_at = {PAST} WHERE message_id IN ({ours})");
        connection.execute_unprepared(&due).await?;
        let meter = Meter::start(bench, &server)?;
        http.send(&wake).await?;
        until_reminded(&connection, &bench.database).await?;
        let tidings_time = meter.stop()?;
        if time > 0 {
            floor.add(1, floor_time.time);
            floor.extend(floor_time);
            tidings.add(1, tidings_time.time);
            tidings.extend(tidings_time);
        }
    }
    server.stop().await?;
    connection.execute_unprepared("DROP TABLE floor_reminded").await?;
    let end = format!("UPDATE reminder SET next_at = NULL WHERE message_id IN ({ours})");
    connection.execute_unprepared(&end).await?;
    connection.close().await?;
    Ok(vec![Row::of_times(work, &floor, &tidings)])
}

async fn until_reminded(connection: &DatabaseConnection, database: &Database) -> Result<()> {
    let backend = match database {
        Database::Sqlite(_) => DbBackend::Sqlite,
        Database::Postgres(_) => DbBackend::Postgres,
    };
    let left = format!("SELECT 1 FROM reminder WHERE next_at = {PAST} LIMIT 1");
    let wait = async {
        while connection
            .query_one_raw(Statement::from_string(backend, left.as_str()))
            .await?
            .is_some()
        {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    };
    tokio::time::timeout(TIMEOUT, wait).await.map_err(|_| "nobody is reminded")?
}
