//! One person who asks for too much, in the ways that once made others wait, ended their streams,
//! or used up the memory. Bystanders and receivers show whether anybody else paid for it.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use crate::{
    Result,
    client::{Answer, Client},
    documents::CREATE_MESSAGE,
    people::{GREEDY, SENDERS, user},
    socket::Socket,
    world::World,
};

/// What is in the inbox of the greedy one: this many messages, as large as they may be.
const MESSAGES: usize = 40;
const LARGEST_BODY: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// Each body many times in one answer.
    LargeAnswers,
    /// Everything from the beginning, over many subscriptions that are not read.
    StalledReplays,
    Searches,
    /// Bodies of requests that are larger than allowed.
    LargeRequests,
    /// Sockets that say nothing.
    SilentSockets,
}

/// Fills the inbox.
pub async fn prepare(world: &World) -> Result<()> {
    let (client, mut rng, token) = (Client::new(), world.rng("misuse"), world.person(SENDERS[0]));
    // Every other sign becomes six bytes in JSON: a request may have 256 KiB.
    let body = "\u{1}x".repeat(LARGEST_BODY / 2);
    for number in 0..MESSAGES {
        let input = json!({
            "to": [{"user": user(GREEDY)}], "subject": format!("large {number}"), "body": body,
        });
        client.read(world, &mut rng, &token, CREATE_MESSAGE, &json!({"input": input})).await?;
    }
    Ok(())
}

impl Misuse {
    pub const ALL: [Misuse; 5] = [
        Misuse::LargeAnswers,
        Misuse::StalledReplays,
        Misuse::Searches,
        Misuse::LargeRequests,
        Misuse::SilentSockets,
    ];

    /// For so long. Gives what is worth a line.
    pub async fn happen(self, world: &Arc<World>, lasts: Duration) -> Result<String> {
        let token = world.person(GREEDY);
        let server = world.servers.len() - 1;
        let tasks: Vec<_> = (0..match self {
            Misuse::LargeAnswers => 3,
            Misuse::StalledReplays => 10,
            Misuse::Searches => 8,
            Misuse::LargeRequests => 8,
            Misuse::SilentSockets => 150,
        })
            .map(|_| tokio::spawn(self.one(world.servers[server].address, token.clone(), lasts)))
            .collect();
        let mut counts = (0, 0);
        for task in tasks {
            let (served, refused) = task.await?;
            counts = (counts.0 + served, counts.1 + refused);
        }
        Ok(format!("{} served, {} refused", counts.0, counts.1))
    }

    /// One of those who do it at the same time. Gives how often they were served and refused.
    async fn one(
        self,
        address: std::net::SocketAddr,
        token: String,
        lasts: Duration,
    ) -> (u32, u32) {
        let (client, mut counts) = (Client::new(), (0, 0));
        let until = tokio::time::Instant::now() + lasts;
        let query = match self {
            Misuse::StalledReplays => {
                return stall(address, &token, lasts).await.map_or((0, 1), |sent| (sent, 0));
            }
            Misuse::SilentSockets => {
                let stream = tokio::net::TcpStream::connect(address).await;
                tokio::time::sleep(lasts).await;
                return if stream.is_ok() { (1, 0) } else { (0, 1) };
            }
            Misuse::LargeAnswers => {
                let bodies: String = (0..20).map(|n| format!("a{n}: body ")).collect();
                format!(
                    "{{ viewer {{ inbox {{ items(first: {MESSAGES}) {{
                        nodes {{ about {{ ... on Message {{ {bodies} }} }} }} }} }} }} }}"
                )
            }
            Misuse::Searches => {
                let one = |n| {
                    format!(
                        "s{n}: items(first: 1, filter: {{search: \"nothing of {n}\"}}) {{
                            nodes {{ id }} }} "
                    )
                };
                format!("{{ viewer {{ inbox {{ {} }} }} }}", (0..20).map(one).collect::<String>())
            }
            Misuse::LargeRequests => format!("{{ viewer {{ id }} }} # {}", "x".repeat(1_000_000)),
        };
        while tokio::time::Instant::now() < until {
            match client.ask(address, &token, &query, &json!({})).await {
                Answer::Data(_) => counts.0 += 1,
                _ => counts.1 += 1,
            }
        }
        counts
    }
}

/// A socket with ten replays of everything, which nobody reads.
async fn stall(address: std::net::SocketAddr, token: &str, lasts: Duration) -> Result<u32> {
    let mut socket = Socket::open(address, token).await?;
    // The beginning of this database's history: its cursors begin with the epoch.
    let data =
        Client::new().ask(address, token, "{ viewer { inbox { cursor } } }", &json!({})).await;
    let Answer::Data(data) = data else { return Err("no cursor".into()) };
    let cursor = data["viewer"]["inbox"]["cursor"].as_str().unwrap_or_default().to_owned();
    let epoch = cursor.split(':').next().unwrap_or_default();
    let follow = "subscription($after: String) { inboxUpdated(after: $after) {
        cursor changes { item { about { ... on Message { body } } } } } }";
    for number in 0..10 {
        socket.begin(&number.to_string(), follow, json!({"after": format!("{epoch}:0")})).await?;
    }
    tokio::time::sleep(lasts).await;
    Ok(10)
}
