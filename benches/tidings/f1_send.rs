//! F1: a durable message to one person, beside `f1_floor`.

use std::ops::RangeInclusive;

use serde_json::json;

use crate::{
    Bench, CONNECTIONS, Result, data,
    f1_floor::Floor,
    http::{self, Http},
    load::{self, Client},
    server::Server,
    table::Row,
};

pub const SUBJECT: &str = "Lunch on Thursday";
pub const BODY: &str = "There is a new place around the corner. Shall we try it on Thursday, at half past twelve? \
                        I can book a table for all of us, so please tell me until tomorrow evening whether you come.";

/// The users of whom each message goes to one.
pub type Recipients = RangeInclusive<i64>;

pub async fn run(bench: &Bench, work: &str, recipients: Recipients) -> Result<Vec<Row>> {
    let server = Server::start_and_settle(bench).await?;
    let mut senders = Vec::new();
    for connection in 0..CONNECTIONS {
        senders.push(Sender::connect(bench, &server, connection, recipients.clone()).await?);
    }
    let floor = Floor::connect(bench, recipients, CONNECTIONS).await?;
    let (floor, tidings) = match floor {
        Floor::Sqlite(floor) => load::compare(bench, &server, vec![*floor], senders).await?,
        Floor::Postgres(floor) => {
            load::compare(bench, &server, vec![floor; CONNECTIONS], senders).await?
        }
    };
    server.stop().await?;
    Ok(vec![Row::of_rates(work, &floor, &tidings)])
}

/// The bytes of a createMessage.
pub fn create_message(token: &str, to: serde_json::Value, subject: &str) -> Vec<u8> {
    let query = "mutation Send($input: CreateMessageInput!) { createMessage(input: $input) { message { id } } }";
    http::graphql(token, query, &json!({"input": {"to": [to], "subject": subject, "body": BODY}}))
}

/// Sends messages, each to one of some people.
pub struct Sender {
    http: Http,
    token: String,
    recipients: Recipients,
}

impl Sender {
    pub async fn connect(
        bench: &Bench,
        server: &Server,
        connection: usize,
        recipients: Recipients,
    ) -> Result<Self> {
        let http = Http::connect(server.address).await?;
        Ok(Sender { http, token: bench.token(data::sender(connection))?, recipients })
    }
}

impl Client for Sender {
    async fn once(&mut self) -> Result<u64> {
        let to = json!({"user": {"externalId": data::external_id(rand::random_range(self.recipients.clone()))}});
        self.http.send(&create_message(&self.token, to, SUBJECT)).await?;
        Ok(1)
    }
}
