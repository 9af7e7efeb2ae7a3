//! F7: how soon somebody who is connected has a message, when nothing else is going on: from the request that sends it
//! to the frame that brings it. The floor is the durable write of its rows alone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    Bench, Result, data,
    f1_floor::Floor,
    f1_send::create_message,
    http::Http,
    load::{Client, Meter, Sample},
    server::Server,
    socket::{INBOX, Socket},
    table::Row,
};

const READER: i64 = data::MEMBERS;
const WARM_UP: u32 = 50;

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    let server = Server::start_and_settle(bench).await?;
    let mut http = Http::connect(server.address).await?;
    let mut socket = Socket::open(server.address, &bench.token(READER)?).await?;
    socket.follow(INBOX).await?;
    let sender = bench.token(data::sender(0))?;
    let to = json!({"user": {"externalId": data::external_id(READER)}});
    let mut floor = Floor::connect(bench, READER..=READER, 1).await?;

    let (mut floor_sample, mut tidings) = (Sample::default(), Sample::default());
    for n in 0..WARM_UP {
        deliver(&mut http, &mut socket, &sender, &to, n).await?;
        write(&mut floor).await?;
    }
    let meter = Meter::start(bench, &server)?;
    let end = Instant::now() + bench.settings.time;
    let mut n = WARM_UP;
    while Instant::now() < end {
        tidings.add(1, deliver(&mut http, &mut socket, &sender, &to, n).await?);
        floor_sample.add(1, write(&mut floor).await?);
        n += 1;
    }
    tidings.server_cpu = meter.stop()?.server_cpu;
    server.stop().await?;
    Ok(vec![Row::of_times(work, &floor_sample, &tidings)])
}

/// Sends a message; gives the time until its frame is here.
async fn deliver(
    http: &mut Http,
    socket: &mut Socket,
    sender: &str,
    to: &Value,
    n: u32,
) -> Result<Duration> {
    let subject = format!("Number {n} is here");
    let request = create_message(sender, to.clone(), &subject);
    let begin = Instant::now();
    let arrival = async {
        socket.read_until(&subject).await?;
        Ok(begin.elapsed())
    };
    let (answer, time) = tokio::join!(http.send(&request), arrival);
    answer?;
    time
}

/// Writes the rows of a message; gives the time until they are durable.
async fn write(floor: &mut Floor) -> Result<Duration> {
    let begin = Instant::now();
    match floor {
        Floor::Sqlite(floor) => floor.once().await?,
        Floor::Postgres(floor) => floor.once().await?,
    };
    Ok(begin.elapsed())
}
