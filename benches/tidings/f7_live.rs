//! F7: how soon somebody who is connected has a message, when nothing else is going on: from the request that sends it
//! until it is answered and the frame that brings the message is there. The floor is the durable write of its rows alone.

use serde_json::json;

use crate::{
    Bench, Result, data,
    f1_floor::Floor,
    f1_send::create_message,
    http::Http,
    load::{self, Client},
    server::Server,
    socket::{INBOX, Socket},
    table::Row,
};

const READER: i64 = data::MEMBERS;

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    let server = Server::start_and_settle(bench).await?;
    let mut socket = Socket::open(server.address, &bench.token(READER)?).await?;
    socket.follow(INBOX).await?;
    let (http, sender) = (Http::connect(server.address).await?, bench.token(data::sender(0))?);
    let floor = Floor::connect(bench, READER..=READER, 1).await?;
    let pair = vec![Pair { http, socket, sender, n: 0 }];
    let (floor, tidings) = load::compare(bench, &server, vec![floor], pair).await?;
    server.stop().await?;
    Ok(vec![Row::of_times(work, &floor, &tidings)])
}

/// Somebody who sends messages, and somebody who is connected and gets them.
struct Pair {
    http: Http,
    socket: Socket,
    sender: String,
    n: u32,
}

impl Client for Pair {
    async fn once(&mut self) -> Result<u64> {
        self.n += 1;
        let subject = format!("Number {} is here", self.n);
        let to = json!({"user": {"externalId": data::external_id(READER)}});
        let request = create_message(&self.sender, to, &subject);
        tokio::try_join!(
            async { self.http.send(&request).await.map(drop) },
            self.socket.read_until(&subject)
        )?;
        Ok(1)
    }
}
