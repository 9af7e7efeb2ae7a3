//! P6: what 200 clients that follow their inboxes and read nothing cost the others, from a request that sends a message to
//! the frame that brings it. The floor is the same server without them.

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    Bench, Result, data,
    f1_send::create_message,
    http::{self, Http},
    load::{self, Client},
    server::Server,
    socket::{INBOX, Socket},
    table::Row,
};

const STALLED: i64 = 200;
const OTHERS: usize = 8;
/// Those who send to the stalled clients all the time.
const FEEDERS: usize = 2;
/// Messages of [`LARGE`] bytes that wait for each stalled client when the measurement begins: more than its buffers hold.
const WAITING: usize = 5;
const LARGE: usize = 60_000;
const FOLLOW: &str = "subscription { inboxUpdated { cursor changes { item { title about { ... on Message { body } } } } } }";

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    let server = Server::start_and_settle(bench).await?;
    let mut others = Vec::new();
    for connection in 0..OTHERS {
        // The last members: the first ones are stalled.
        let reader = data::MEMBERS - connection as i64;
        let mut socket = Socket::open(server.address, &bench.token(reader)?).await?;
        socket.follow(INBOX).await?;
        let http = Http::connect(server.address).await?;
        let sender = bench.token(data::sender(connection))?;
        others.push(Other { http, socket, sender, reader, n: 0 });
    }
    let alone = load::measure(bench, &server, &mut others).await?;

    let mut stalled = Vec::new();
    for user in 1..=STALLED {
        let mut socket =
            Socket::open_with_small_buffer(server.address, &bench.token(user)?).await?;
        socket.follow(FOLLOW).await?;
        stalled.push(socket);
    }
    let mut feeders = Vec::new();
    for feeder in 0..FEEDERS {
        let http = Http::connect(server.address).await?;
        feeders.push(Feeder { http, token: bench.token(data::sender(OTHERS + feeder))?, next: 0 });
    }
    for feeder in &mut feeders {
        for _ in 0..STALLED as usize * WAITING / FEEDERS {
            feeder.once().await?;
        }
    }
    let stop = CancellationToken::new();
    let feeding: Vec<_> =
        feeders.into_iter().map(|feeder| tokio::spawn(feeder.run(stop.clone()))).collect();
    let beside = load::measure(bench, &server, &mut others).await;
    stop.cancel();
    for feeder in feeding {
        feeder.await??;
    }
    let memory = server.memory()?;
    drop(stalled);
    server.stop().await?;
    let row = Row::of_times(work, &alone, &beside?);
    // The server works for the stalled clients, too: what it costs is not what one operation of the others costs.
    let work = format!("{work} ({} MiB)", memory >> 20);
    Ok(vec![Row { work, server_cpu: String::new(), database_cpu: String::new(), ..row }])
}

/// Sends a message to somebody who follows their inbox and reads it.
struct Other {
    http: Http,
    socket: Socket,
    sender: String,
    reader: i64,
    n: u32,
}

impl Client for Other {
    async fn once(&mut self) -> Result<u64> {
        self.n += 1;
        let subject = format!("Number {} of {}", self.n, self.reader);
        let to = json!({"user": {"externalId": data::external_id(self.reader)}});
        let request = create_message(&self.sender, to, &subject);
        tokio::try_join!(
            async { self.http.send(&request).await.map(drop) },
            self.socket.read_until(&subject)
        )?;
        Ok(1)
    }
}

/// Sends large messages to the stalled clients, one after the other.
struct Feeder {
    http: Http,
    token: String,
    next: i64,
}

impl Feeder {
    async fn once(&mut self) -> Result<()> {
        self.next = self.next % STALLED + 1;
        let query = "mutation Send($input: CreateMessageInput!) { createMessage(input: $input) { message { id } } }";
        let to = json!([{"user": {"externalId": data::external_id(self.next)}}]);
        let input = json!({"input": {"to": to, "subject": "Large", "body": "x".repeat(LARGE)}});
        self.http.send(&http::graphql(&self.token, query, &input)).await.map(drop)
    }

    async fn run(mut self, stop: CancellationToken) -> Result<()> {
        while !stop.is_cancelled() {
            self.once().await?;
        }
        Ok(())
    }
}
