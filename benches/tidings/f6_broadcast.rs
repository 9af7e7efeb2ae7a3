//! F6: something new to all who are connected: from the request that makes it to the frame of the last of them. Each follows
//! their own inbox, with its counts and what a client shows of an item. The floor is `f6_floor` with the same bytes.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    Bench, CONNECTIONS, Result, data,
    f5_announce::create_announcement,
    f6_floor::Broadcast,
    f9_activities::create_activities,
    http::Http,
    load::{Meter, Sample},
    process,
    server::Server,
    socket::Socket,
    table::Row,
};

/// The median of these is shown; the first of all is not one of them.
const DELIVERIES: usize = 7;
/// The bench has a socket to Tidings for each who is connected, and both ends of one to the floor.
const FILES_OF_ONE: usize = 3;
const OTHER_FILES: usize = 150;
/// Until all who wait do so.
const PAUSE: Duration = Duration::from_millis(200);

const FOLLOW: &str = "subscription { inboxUpdated { cursor counts { unread unseen } changes { type itemId item { \
                      id kind title preview url seenAt readAt updatedAt \
                      about { ... on ActivityGroup { actorCount latestActors { name } } } } } } }";

#[derive(Clone, Copy)]
pub enum New {
    Announcement,
    /// On a target that all of them follow. It makes the same item grow each time.
    Activity,
}

pub async fn run(bench: &Bench, work: &str, new: New, connected: usize) -> Result<Vec<Row>> {
    let connected =
        connected.min(process::most_files()?.saturating_sub(OTHER_FILES) / FILES_OF_ONE);
    if let New::Activity = new {
        follow_target(bench, connected).await?;
    }
    let server = Server::start_and_settle(bench).await?;
    let broadcast = Broadcast::start().await?;
    let (mut sockets, mut floor_sockets) = (Vec::new(), Vec::new());
    let connect = async |user: usize| -> Result<_> {
        let mut socket = Socket::open(server.address, &bench.token(user as i64)?).await?;
        socket.follow(FOLLOW).await?;
        Ok((socket, Socket::plain(broadcast.address).await?))
    };
    let mut coming = stream::iter(1..=connected).map(connect).buffered(CONNECTIONS);
    while let Some(connected) = coming.next().await {
        let (socket, floor_socket) = connected?;
        sockets.push(socket);
        floor_sockets.push(floor_socket);
    }
    drop(coming);
    let mut http = Http::connect(server.address).await?;
    let service = bench.service()?;

    let (mut floor, mut tidings) = (Sample::default(), Sample::default());
    let mut frame = None;
    for n in 0..=DELIVERIES {
        let text = format!("Number {n} is here");
        let request = match new {
            New::Announcement => create_announcement(&service, &text),
            New::Activity => {
                let actor = data::external_id(data::sender(n));
                create_activities(
                    &service,
                    &[json!({"actor": {"externalId": actor}, "action": "comment",
                    "target": {"type": "post", "externalId": TARGET}, "data": {"preview": text}})],
                )
            }
        };
        let waiting = Waiting::start(std::mem::take(&mut sockets), &text).await;
        let (meter, begin) = (Meter::start(bench, &server)?, Instant::now());
        http.send(&request).await?;
        let (heard, last, bytes) = waiting.end().await?;
        let meter = meter.stop()?;
        sockets = heard;
        if n > 0 {
            tidings.add(connected as u64, last - begin);
            tidings.extend(meter);
        }

        let frame = frame.get_or_insert(bytes);
        let waiting = Waiting::start(std::mem::take(&mut floor_sockets), "Number 0 is here").await;
        let begin = Instant::now();
        broadcast.send(frame.clone())?;
        let (heard, last, _) = waiting.end().await?;
        floor_sockets = heard;
        if n > 0 {
            floor.add(connected as u64, last - begin);
        }
    }
    drop(sockets);
    server.stop().await?;
    Ok(vec![Row::of_times(work, &floor, &tidings)])
}

/// Who waits for a text.
struct Waiting(JoinSet<Result<(Socket, Instant, Utf8Bytes)>>);

impl Waiting {
    async fn start(sockets: Vec<Socket>, text: &str) -> Self {
        let mut waiting = JoinSet::new();
        for mut socket in sockets {
            let text = text.to_owned();
            waiting.spawn(async move {
                let message = socket.read_until(&text).await?;
                Ok((socket, Instant::now(), message))
            });
        }
        tokio::time::sleep(PAUSE).await;
        Waiting(waiting)
    }

    /// When all have it: when the last of them had it, and what it was.
    async fn end(mut self) -> Result<(Vec<Socket>, Instant, Utf8Bytes)> {
        let (mut sockets, mut end) = (Vec::new(), None);
        while let Some(heard) = self.0.join_next().await {
            let (socket, at, message) = heard??;
            sockets.push(socket);
            end = end.max(Some((at, message)));
        }
        let (last, message) = end.ok_or("nobody is connected")?;
        Ok((sockets, last, message))
    }
}

const TARGET: &str = "followed-by-all";

/// Lets all who will be connected follow a target.
async fn follow_target(bench: &Bench, connected: usize) -> Result<()> {
    let now = bench.database.time("0");
    let target = format!(
        "INSERT INTO target (type, external_id, created_at) VALUES ('post', '{TARGET}', {now})"
    );
    let follow = format!(
        "INSERT INTO subscription (user_id, target_id, action, reason, since, created_at) \
         SELECT u.id, t.id, 'comment', 'like_post', 0, {now} FROM user_account AS u, target AS t \
         WHERE u.id <= {connected} AND t.external_id = '{TARGET}' ORDER BY u.id"
    );
    bench.database.fill(&[target, follow], "target, subscription").await
}
