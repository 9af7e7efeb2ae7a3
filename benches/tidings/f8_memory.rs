//! F8: what a websocket costs in resident memory: one whose client has introduced itself, and one that follows an
//! inbox.

use serde_json::json;

use crate::{
    Bench, Result, data,
    http::{self, Http},
    process,
    server::Server,
    socket::{INBOX, Socket},
    table::Row,
};

const SOCKETS: usize = 10_000;
/// The first sockets also fill what all of them share…
const WARM_UP: usize = 50;
/// …and so does a look at the inboxes: the database keeps the pages that it has read.
const LOOK: &str = "{ viewer { inbox { cursor } } }";
/// Files that the bench and the server have open besides the sockets.
const OTHER_FILES: usize = 150;

pub async fn run(bench: &Bench, work: &str) -> Result<Vec<Row>> {
    let server = Server::start_and_settle(bench).await?;
    let sockets = SOCKETS.min(process::most_files()?.saturating_sub(OTHER_FILES));
    let mut open = Vec::new();
    for user in 1..=WARM_UP {
        open.push(Socket::open(server.address, &bench.token(user as i64)?).await?);
        open[user - 1].follow(INBOX).await?;
    }
    let mut http = Http::connect(server.address).await?;
    for user in WARM_UP + 1..=WARM_UP + sockets {
        let token = bench.token(user as i64 % data::MEMBERS + 1)?;
        http.send(&http::graphql(&token, LOOK, &json!({}))).await?;
    }
    let before = server.memory()?;
    for user in WARM_UP + 1..=WARM_UP + sockets {
        open.push(
            Socket::open(server.address, &bench.token(user as i64 % data::MEMBERS + 1)?).await?,
        );
    }
    let idle = server.memory()?;
    for socket in &mut open[WARM_UP..] {
        socket.follow(INBOX).await?;
    }
    let subscribed = server.memory()?;
    drop(open);
    server.stop().await?;

    let of_one = |memory: u64| {
        format!("{:.1} KiB", memory.saturating_sub(before) as f64 / 1024.0 / sockets as f64)
    };
    let row = |name: &str, memory| Row {
        work: format!("{work}: {sockets} {name}"),
        tidings: of_one(memory),
        ..Row::default()
    };
    Ok(vec![row("idle", idle), row("that follow an inbox", subscribed)])
}
