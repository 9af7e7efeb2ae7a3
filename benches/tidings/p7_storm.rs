//! P7: everybody who follows an inbox is cut off at once, by the network or by a server that was killed, and comes back
//! at once, each with a cursor. Meanwhile a message has come for all of them: who is back has it.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    Bench, Result, data,
    f1_send::create_message,
    http::Http,
    process,
    server::Server,
    settings::Settings,
    socket::Socket,
    table::{self, Row},
};

/// Files that the bench and the server have open besides the sockets.
const OTHER_FILES: usize = 150;
/// A client that was refused tries again after this.
const BREATH: Duration = Duration::from_millis(100);
/// A client that is not back by then is not coming.
const PATIENCE: Duration = Duration::from_secs(120);
/// Ports of one address are not free again at once: clients have several.
const ADDRESSES: usize = 8;

/// Somebody who follows their inbox.
struct Client {
    token: String,
    source: Ipv4Addr,
    socket: Option<Socket>,
    cursor: Option<String>,
}

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    let server = Server::start_and_settle(bench).await?;
    let sockets = how_many(&bench.settings)?;
    let mut http = Http::connect(server.address).await?;
    let mut clients = Vec::with_capacity(sockets);
    for user in 0..sockets {
        let token = bench.token(user as i64 % data::MEMBERS + 1)?;
        // The database keeps the pages that it has read: they are not the sockets'.
        http.send(&crate::http::graphql(&token, "{ viewer { inbox { cursor } } }", &json!({})))
            .await?;
        let source = Ipv4Addr::new(127, 0, 1, (user % ADDRESSES) as u8 + 1);
        clients.push(Client { token, source, socket: None, cursor: None });
    }
    let before = server.memory()?;
    let (mut clients, first) = all_follow(server.address, clients, "cursor").await?;
    let following = server.memory()?;

    let cut = Instant::now();
    clients.iter_mut().for_each(|client| client.socket = None);
    send(bench, server.address, "while you were away").await?;
    let (mut clients, back) = all_follow(server.address, clients, "while you were away").await?;
    let after_cut = cut.elapsed();
    let following_again = server.memory()?;

    let killed = Instant::now();
    let server = server.kill_and_start(bench).await?;
    clients.iter_mut().for_each(|client| client.socket = None);
    send(bench, server.address, "while the server was away").await?;
    let (clients, back_again) =
        all_follow(server.address, clients, "while the server was away").await?;
    let after_kill = killed.elapsed();
    drop(clients);
    server.stop().await?;

    let of_one = |memory: u64| {
        format!("{:.1} KiB", memory.saturating_sub(before) as f64 / 1024.0 / sockets as f64)
    };
    let row = |name: &str, tidings: String, mut times: Vec<Duration>| {
        times.sort_unstable();
        let percentile = |percent: usize| {
            times
                .get((times.len() * percent / 100).min(times.len().saturating_sub(1)))
                .copied()
                .map(table::duration)
        };
        Row {
            work: format!("{work}: {sockets} {name}"),
            tidings,
            p50: percentile(50).unwrap_or_default(),
            p99: percentile(99).unwrap_or_default(),
            ..Row::default()
        }
    };
    Ok(vec![
        row("come", table::duration(first.iter().max().copied().unwrap_or_default()), first),
        row("are there, each costs", of_one(following), Vec::new()),
        row("are cut off and come back with what was sent", table::duration(after_cut), back),
        row("are there again, each costs", of_one(following_again), Vec::new()),
        row("come back after a kill of the server", table::duration(after_kill), back_again),
    ])
}

fn how_many(settings: &Settings) -> Result<usize> {
    let _ = tidings::process::raise_file_limit();
    let possible = process::most_files()?.saturating_sub(OTHER_FILES);
    if possible < settings.sockets {
        println!("(no more than {possible} sockets: ulimit -Hn)");
    }
    Ok(settings.sockets.min(possible))
}

async fn send(bench: &Bench, address: SocketAddr, subject: &str) -> Result<()> {
    let token = bench.token(data::sender(0))?;
    let request = create_message(&token, json!({"group": {"externalId": data::GROUP}}), subject);
    Http::connect(address).await?.send(&request).await.map(drop)
}

/// All at once. Returns when each has heard where its inbox stands, and of something with this title; with how long that
/// took each of them.
async fn all_follow(
    address: SocketAddr,
    clients: Vec<Client>,
    title: &str,
) -> Result<(Vec<Client>, Vec<Duration>)> {
    let begin = Instant::now();
    let mut coming = JoinSet::new();
    for mut client in clients {
        let title = title.to_owned();
        coming.spawn(async move {
            while let Err(error) = client.follow(address, &title).await {
                if begin.elapsed() > PATIENCE {
                    return Err(error);
                }
                tokio::time::sleep(BREATH).await;
            }
            Ok((client, begin.elapsed()))
        });
    }
    let (mut clients, mut times) = (Vec::new(), Vec::new());
    while let Some(came) = coming.join_next().await {
        let (client, time) = came??;
        clients.push(client);
        times.push(time);
    }
    Ok((clients, times))
}

impl Client {
    async fn follow(&mut self, address: SocketAddr, title: &str) -> Result<()> {
        let mut socket = Socket::open_from(self.source, address, &self.token).await?;
        let after = self
            .cursor
            .as_ref()
            .map_or_else(String::new, |cursor| format!("(after: \"{cursor}\")"));
        let subscription = format!(
            "subscription {{ inboxUpdated{after} {{ cursor changes {{ type item {{ title }} }} }} }}"
        );
        let update = socket.first_update(&subscription, title).await?;
        let update: serde_json::Value = serde_json::from_str(&update)?;
        let cursor = update["payload"]["data"]["inboxUpdated"]["cursor"]
            .as_str()
            .ok_or("an update without a cursor")?;
        self.cursor = Some(cursor.to_owned());
        self.socket = Some(socket);
        Ok(())
    }
}
