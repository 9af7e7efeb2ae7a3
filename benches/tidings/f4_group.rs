//! F4: a message to a large group. The floor inserts as many rows into one table that has the columns of an inbox item
//! and the index of the inbox page, and nothing else. A second row shows what others wait for their messages meanwhile.

use std::time::Instant;

use sea_orm::{ConnectionTrait, Database as Connection};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    Bench, Result, crowd, data,
    database::Database,
    f1_send::{SUBJECT, Sender, create_message},
    http::Http,
    load::{Client, Meter, Sample},
    server::Server,
    table::Row,
};

/// The median of these is shown; the first send of all is not one of them.
const SENDS: usize = 5;

const TABLE: &str = "CREATE TABLE floor_item AS SELECT * FROM inbox_item WHERE 1 = 0";
const INDEXES: [&str; 2] = [
    "CREATE UNIQUE INDEX floor_item_id ON floor_item (id)",
    "CREATE INDEX floor_item_page ON floor_item (user_id, updated_at, id)",
];
const CROWD: &str = "crowd";

pub async fn run(bench: &Bench, work: &str, members: i64) -> Result<Vec<Row>> {
    let connection = Connection::connect(bench.database.url()).await?;
    let group = if members == data::MEMBERS { data::GROUP } else { CROWD };
    if group == CROWD {
        crowd::gather(&bench.database, &connection).await?;
        crowd::unite(&bench.database, &connection, CROWD).await?;
    }
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
    let to = json!({"group": {"externalId": group}});
    let request = create_message(&bench.token(data::sender(0))?, to, SUBJECT);
    let (mut floor, mut tidings) = (Sample::default(), Sample::default());
    let before = server.memory()?;
    for send in 0..=SENDS {
        let insert = format!(
            "INSERT INTO floor_item (id, user_id, kind, message_id, seq, arrived_seq, created_at, updated_at) \
             SELECT {send} * 10000000 + m.user_id, m.user_id, 'message', {send}, 1, 1, {now}, {now} \
             FROM group_member AS m JOIN user_group AS g ON g.id = m.group_id \
             WHERE g.external_id = '{group}' AND m.removed_at IS NULL"
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
    let more = server.memory()?.saturating_sub(before) >> 20;
    let beside = beside(bench, &server, work, &mut http, &request).await?;
    server.stop().await?;
    connection.execute_unprepared("DROP TABLE floor_item").await?;
    crowd::settle(&bench.database, &connection).await?;
    connection.close().await?;
    Ok(vec![Row::of_times(&format!("{work} (+{more} MiB)"), &floor, &tidings), beside])
}

/// How long the message of somebody else to one person takes while messages go to the group. The floor is the same without
/// those.
async fn beside(
    bench: &Bench,
    server: &Server,
    work: &str,
    http: &mut Http,
    request: &[u8],
) -> Result<Row> {
    let other = Sender::connect(bench, server, 1, 1..=data::MEMBERS).await?;
    let stop = CancellationToken::new();
    let alone = tokio::spawn(send_until(other, stop.clone()));
    tokio::time::sleep(bench.settings.time / 2).await;
    stop.cancel();
    let (other, floor) = alone.await??;

    let stop = CancellationToken::new();
    let meanwhile = tokio::spawn(send_until(other, stop.clone()));
    let end = Instant::now() + bench.settings.time / 2;
    while Instant::now() < end {
        http.send(request).await?;
    }
    stop.cancel();
    let (_, tidings) = meanwhile.await??;
    Ok(Row::of_times(&format!("{work}: others meanwhile (floor: alone)"), &floor, &tidings))
}

async fn send_until(mut sender: Sender, stop: CancellationToken) -> Result<(Sender, Sample)> {
    let mut sample = Sample::default();
    while !stop.is_cancelled() {
        let begin = Instant::now();
        let done = sender.once().await?;
        sample.add(done, begin.elapsed());
    }
    Ok((sender, sample))
}
