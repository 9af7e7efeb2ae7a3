//! F4: a message to a group of 10 000. The floor inserts as many rows into one table that has the columns of an inbox
//! item and the index of the inbox page, and nothing else.

use sea_orm::{ConnectionTrait, Database as Connection};
use serde_json::json;

use crate::{
    Bench, Result, data,
    database::Database,
    f1_send::{SUBJECT, create_message},
    http::Http,
    load::{Meter, Sample},
    server::Server,
    table::Row,
};

/// The median of these is shown; the first send of all is not one of them.
const SENDS: usize = 7;

const TABLE: &str = "CREATE TABLE floor_item AS SELECT * FROM inbox_item WHERE 1 = 0";
const INDEXES: [&str; 2] = [
    "CREATE UNIQUE INDEX floor_item_id ON floor_item (id)",
    "CREATE INDEX floor_item_page ON floor_item (user_id, updated_at, id)",
];

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    let connection = Connection::connect(bench.database.url()).await?;
    let now = match bench.database {
        Database::Sqlite(_) => {
            connection.execute_unprepared("PRAGMA synchronous = FULL").await?;
            "'2026-01-01T00:00:00.123456+00:00'"
        }
        Database::Postgres(_) => "now()",
    };
    connection.execute_unprepared(TABLE).await?;
    for index in INDEXES {
        connection.execute_unprepared(index).await?;
    }

    let server = Server::start_and_settle(bench).await?;
    let mut http = Http::connect(server.address).await?;
    let request = create_message(
        &bench.token(data::sender(0))?,
        json!({"group": {"externalId": data::GROUP}}),
        SUBJECT,
    );
    let (mut floor, mut tidings) = (Sample::default(), Sample::default());
    for send in 0..=SENDS {
        let insert = format!(
            "INSERT INTO floor_item (id, user_id, kind, message_id, seq, arrived_seq, created_at, updated_at) \
             SELECT {send} * {members} + user_id, user_id, 'message', {send}, 1, 1, {now}, {now} \
             FROM group_member WHERE group_id = 1 AND removed_at IS NULL",
            members = data::MEMBERS
        );
        let meter = Meter::start(bench, &server)?;
        connection.execute_unprepared(&insert).await?;
        let floor_send = meter.stop()?;
        let meter = Meter::start(bench, &server)?;
        http.send(&request).await?;
        let tidings_send = meter.stop()?;
        if send > 0 {
            floor.add(1, floor_send.time);
            floor.extend(floor_send);
            tidings.add(1, tidings_send.time);
            tidings.extend(tidings_send);
        }
    }
    server.stop().await?;
    connection.execute_unprepared("DROP TABLE floor_item").await?;
    connection.close().await?;
    Ok(vec![Row::of_times(work, &floor, &tidings)])
}
