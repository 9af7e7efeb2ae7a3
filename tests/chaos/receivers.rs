//! People who follow their inbox with a client that keeps it: it applies updates to its state,
//! keeps its cursor when it is cut off, and fetches the inbox again after a `resync`. What it
//! receives is checked as it arrives: cursors move forward, nothing arrives twice, numbered
//! messages come in order, and whenever the server says that it has caught up, the counts are those
//! of the items.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};

use crate::{
    Result,
    client::{Answer, Client, short, text},
    people::{CORRESPONDENTS, FICKLE, READERS},
    socket::Socket,
    state::{COUNTS, ITEM, InboxState},
    transcript::lock,
    world::{Stage, World},
};

/// An item without what can be large.
const LIGHT_ITEM: &str = "id kind title
    seenAt readAt archivedAt snoozedUntil createdAt updatedAt remindedAt isFinalReminder respondBy
    about {
      __typename
      ... on Message { id }
      ... on Announcement { id expiresAt }
      ... on ActivityGroup {
        action actorCount activityCount latestActors { name } target { id title }
      }
    }";
/// The server pings every 25 seconds: what is silent for longer is gone.
const SILENCE: Duration = Duration::from_secs(40);
const OPENING: Duration = Duration::from_secs(12);

/// How somebody reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Prompt,
    /// Takes its time for each update.
    Slow,
    /// Stops now and then, for longer than the server waits.
    Stopping,
    /// Goes away after seconds, and comes back.
    Flighty,
    /// Reads server-sent events.
    Events,
}

pub struct Receiver {
    pub name: String,
    pub person: &'static str,
    manner: Manner,
    /// Whether it reads whole bodies.
    is_heavy: bool,
    /// None before the first answer, and while it has to fetch anew.
    pub known: Mutex<Option<InboxState>>,
    /// What the same client has been told to be new.
    heard: Mutex<Heard>,
    /// A `resync` may leave out what came and went meanwhile.
    pub has_missed: AtomicBool,
}

#[derive(Default)]
struct Heard {
    arrived: HashSet<String>,
    /// The last number of each sender; None: any may come next that is higher.
    lanes: HashMap<String, (u64, bool)>,
}

pub struct Receivers {
    pub all: Vec<Arc<Receiver>>,
    pub tasks: Vec<JoinHandle<()>>,
}

pub fn start(world: &Arc<World>) -> Receivers {
    use Manner::{Events, Flighty, Prompt, Slow, Stopping};
    let manners = [Prompt, Flighty, Slow, Prompt, Events, Stopping, Flighty];
    let mut all = Vec::new();
    let people = READERS.iter().chain(&CORRESPONDENTS).chain(&FICKLE);
    // Readers, to whom numbered messages come, are followed twice.
    for (index, person) in READERS.iter().chain(people).enumerate() {
        let manner = manners[index % manners.len()];
        let name = format!("{person}, {manner:?}, {index}");
        let (known, heard, has_missed) =
            (Mutex::default(), Mutex::default(), AtomicBool::default());
        let is_heavy = index % 3 == 2;
        all.push(Arc::new(Receiver { name, person, manner, is_heavy, known, heard, has_missed }));
    }
    let run = |receiver: &Arc<Receiver>| tokio::spawn(receiver.clone().run(world.clone()));
    let tasks = all.iter().map(run).collect();
    world.transcript.count("receivers", all.len() as u64);
    Receivers { all, tasks }
}

impl Receiver {
    fn item(&self) -> &'static str {
        if self.is_heavy { ITEM } else { LIGHT_ITEM }
    }

    async fn run(self: Arc<Self>, world: Arc<World>) {
        let (client, mut rng, token) =
            (Client::new(), world.rng(&self.name), world.person(self.person));
        while world.stage() < Stage::Over {
            let server = rng.random_range(0..world.servers.len());
            if lock(&self.known).is_none() {
                match self.fetch(&world, &client, &mut rng, &token, server).await {
                    Ok(fresh) => *lock(&self.known) = Some(fresh),
                    Err(_) => {
                        world.pause(Duration::from_millis(100), Stage::Over).await;
                        continue;
                    }
                }
            }
            let end = self.follow(&world, &client, &mut rng, &token, server).await;
            if let Err(end) = end {
                self.judge(&world, &end.to_string());
            }
            world.transcript.count("reconnects", 1);
            world.pause(Duration::from_millis(rng.random_range(20..300)), Stage::Over).await;
        }
    }

    /// Some ends are never right: clients do not come back after them.
    fn judge(&self, world: &World, end: &str) {
        const FATAL: [&str; 7] =
            ["4400", "4401", "4406", "4409", "4429", "4500", "INTERNAL_SERVER_ERROR"];
        // 4401 within a close frame, not in a number that is longer.
        if FATAL.iter().any(|code| {
            end.contains(&format!("({code})")) || (code.len() > 4 && end.contains(code))
        }) {
            world.transcript.fail(format!("{} was sent away for good: {end:.200}", self.name));
        }
    }

    /// The whole inbox, page by page; what changes meanwhile arrives again, after the cursor of the
    /// first page.
    pub async fn fetch(
        &self,
        world: &World,
        client: &Client,
        rng: &mut StdRng,
        token: &str,
        server: usize,
    ) -> Result<InboxState> {
        let item = self.item();
        let page = format!(
            "query($after: String) {{ viewer {{ inbox {{ cursor counts {{ {COUNTS} }}
             items(filter: {{view: ALL}}, first: {}, after: $after) {{
               nodes {{ {item} }} pageInfo {{ hasNextPage endCursor }} }} }} }} }}",
            if self.is_heavy { 20 } else { 100 }
        );
        let address = world.servers[server].proxy.address;
        let (mut items, mut after, mut first) = (Vec::new(), Value::Null, None);
        loop {
            let mut data = match world.stage() {
                Stage::Storm => {
                    match client.ask(address, token, &page, &json!({"after": after})).await {
                        Answer::Data(data) => data,
                        other => return Err(format!("{other:?}").into()),
                    }
                }
                _ => client.read(world, rng, token, &page, &json!({"after": after})).await?,
            };
            let mut inbox = data["viewer"]["inbox"].take();
            items.extend(inbox["items"]["nodes"].as_array().into_iter().flatten().cloned());
            let (cursor, counts) = (text(&inbox["cursor"]), inbox["counts"].take());
            let (cursor, counts) = first.get_or_insert((cursor, counts));
            after = inbox["items"]["pageInfo"]["endCursor"].take();
            if inbox["items"]["pageInfo"]["hasNextPage"] != true {
                return Ok(InboxState::new(cursor, counts.take(), items));
            }
        }
    }

    async fn follow(
        &self,
        world: &World,
        client: &Client,
        rng: &mut StdRng,
        token: &str,
        server: usize,
    ) -> Result<()> {
        let opened = timeout(OPENING, self.open(world, client, token, server)).await;
        let mut updates = opened.map_err(|_| "no socket")??;
        let leaves = match self.manner {
            Manner::Flighty => Duration::from_millis(rng.random_range(100..3_000)),
            _ => Duration::from_secs(3_600),
        };
        let leaves = tokio::time::Instant::now() + leaves;
        let mut is_first = true;
        loop {
            let next = tokio::select! {
                next = timeout(SILENCE, updates.next()) => next,
                () = tokio::time::sleep_until(leaves), if world.stage() == Stage::Storm => {
                    return Ok(());
                }
                () = world.pause(Duration::MAX, Stage::Over) => return Ok(()),
            };
            let payload = next.map_err(|_| "silence")??;
            let Some(payload) = payload else {
                let what = format!(
                    "{}: a stream was told to be complete, and its client would not come back",
                    self.name
                );
                world.transcript.fail(what);
                return Ok(());
            };
            let update = &payload["data"]["inboxUpdated"];
            if update.is_null() {
                return Err(short(&payload).into());
            }
            world.transcript.count("updates", 1);
            if !self.take(world, update, is_first) {
                return Ok(());
            }
            is_first = false;
            let rests = match self.manner {
                Manner::Slow => rng.random_range(50..600),
                Manner::Stopping if rng.random_ratio(1, 30) => rng.random_range(1_000..15_000),
                _ => continue,
            };
            world.pause(Duration::from_millis(rests), Stage::Calm).await;
        }
    }

    /// Begins to follow the inbox from where this receiver stands.
    async fn open(
        &self,
        world: &World,
        client: &Client,
        token: &str,
        server: usize,
    ) -> Result<Updates> {
        let item = self.item();
        let query = format!(
            "subscription($after: String) {{ inboxUpdated(after: $after) {{
               cursor caughtUp resync counts {{ {COUNTS} }}
               changes {{ type itemId item {{ {item} }} }} }} }}"
        );
        let after = lock(&self.known).as_ref().map(|known| known.cursor.clone());
        let (address, variables) = (world.servers[server].proxy.address, json!({"after": after}));
        if self.manner == Manner::Events {
            let request = client
                .request(address, token, &query, &variables)
                .timeout(Duration::from_secs(600));
            let response =
                request.header("accept", "text/event-stream").send().await?.error_for_status()?;
            return Ok(Updates::Events(response, Vec::new()));
        }
        let mut socket = Socket::open(address, token).await?;
        socket.subscribe(&query, variables).await?;
        Ok(Updates::Socket(socket))
    }

    /// Takes in an update. False: the inbox is to be fetched anew.
    fn take(&self, world: &World, update: &Value, is_first: bool) -> bool {
        let fail = |what: String| world.transcript.fail(format!("{}: {what}", self.name));
        let mut known = lock(&self.known);
        if !update["resync"].is_null() {
            world.transcript.count("resyncs", 1);
            if update["resync"] != "CURSOR_EXPIRED" {
                fail(format!(
                    "{} at {:?}",
                    update["resync"],
                    known.as_ref().map(|known| &known.cursor)
                ));
            }
            self.has_missed.store(true, Ordering::SeqCst);
            *lock(&self.heard) = Heard::default();
            *known = None;
            return false;
        }
        let Some(state) = known.as_mut() else { return false };
        let (before, after) = (position(&state.cursor), position(&text(&update["cursor"])));
        let changes = update["changes"].as_array().cloned().unwrap_or_default();
        // What has become too old may leave before it was heard of.
        if world.forgets() {
            self.has_missed.store(true, Ordering::SeqCst);
        }
        if after < before || (after == before && !changes.is_empty()) {
            fail(format!("the cursor {} comes after {}", update["cursor"], state.cursor));
        }
        if changes.is_empty() && !is_first {
            fail(format!("an update without changes: {}", short(update)));
        }
        self.listen(&changes, &fail);
        state.apply(update);
        if update["caughtUp"] == true {
            for (name, count) in state.tally().as_object().into_iter().flatten() {
                if state.counts[name] != *count {
                    fail(format!(
                        "at {}, {name} is {} and the items are {count}",
                        state.cursor, state.counts[name]
                    ));
                }
            }
        }
        true
    }

    fn listen(&self, changes: &[Value], fail: &dyn Fn(String)) {
        let mut heard = lock(&self.heard);
        for change in changes {
            if change["item"].is_null() != (change["type"] == "REMOVED") {
                fail(format!("a change that is none: {}", short(change)));
            }
            // Activities arrive again with every one that joins them.
            if change["type"] != "ARRIVED" || change["item"]["kind"] == "ACTIVITY" {
                continue;
            }
            let title = text(&change["item"]["title"]);
            if !heard.arrived.insert(text(&change["itemId"])) {
                fail(format!("“{title}” arrived twice"));
            }
            if let Some((lane, number)) = numbered(&title) {
                let is_whole = !self.has_missed.load(Ordering::SeqCst);
                let (last, _) = heard.lanes.get(lane).copied().unwrap_or_default();
                let is_next = number == last + 1 || (number > last && (last == 0 || !is_whole));
                if !is_next {
                    fail(format!("“{title}” came after number {last}"));
                }
                heard.lanes.insert(lane.to_owned(), (number, is_whole));
            }
        }
    }

    /// How far the numbered messages came, if the receiver has heard all of them.
    pub fn heard_up_to(&self, lane: &str) -> Option<u64> {
        let is_whole = !self.has_missed.load(Ordering::SeqCst);
        lock(&self.heard).lanes.get(lane).filter(|_| is_whole).map(|(last, _)| *last)
    }
}

/// `lane 0 17`: the sender and the number.
fn numbered(title: &str) -> Option<(&str, u64)> {
    let (lane, number) = title.strip_prefix("lane ")?.split_once(' ')?;
    Some((lane, number.parse().ok()?))
}

/// A cursor as a place in the history: `epoch:seq`, or `epoch:seq:item` among the items of one
/// change.
fn position(cursor: &str) -> (i64, i64) {
    let mut parts = cursor.split(':').skip(1).map(|part| part.parse().unwrap_or(-1));
    (parts.next().unwrap_or(-1), parts.next().unwrap_or(i64::MAX))
}

enum Updates {
    Socket(Socket),
    /// With what has come and is no whole event yet.
    Events(reqwest::Response, Vec<u8>),
}

impl Updates {
    /// The next result; None when the operation is complete.
    async fn next(&mut self) -> Result<Option<Value>> {
        match self {
            Updates::Socket(socket) => {
                let mut message: Value = serde_json::from_str(&socket.receive().await?)?;
                match message["type"].as_str() {
                    Some("next") => Ok(Some(message["payload"].take())),
                    Some("complete") => Ok(None),
                    _ => Err(message.to_string().into()),
                }
            }
            Updates::Events(response, unread) => loop {
                if let Some(end) = unread.windows(2).position(|bytes| bytes == b"\n\n") {
                    let block: Vec<u8> = unread.drain(..end + 2).collect();
                    let block = String::from_utf8(block)?;
                    let field = |name: &str| {
                        block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
                    };
                    match field("event:") {
                        Some("next") => {
                            return Ok(Some(serde_json::from_str(
                                field("data:").unwrap_or_default(),
                            )?));
                        }
                        Some("complete") => return Ok(None),
                        _ => continue,
                    }
                }
                unread.extend(response.chunk().await?.ok_or("the event stream has ended")?);
            },
        }
    }
}
