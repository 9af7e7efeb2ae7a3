//! People who use several servers as pages do: when a connection ends or a request fails, they go
//! on at the next server, from where they were.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use super::BREATH;
use crate::support::{process::token, socket::PATIENCE};

pub const READERS: usize = 8;
const WRITERS: usize = 3;
/// Messages that are acknowledged between two events.
const SOME: usize = 40;

/// The servers, or the proxy in front of them.
type Servers = Arc<[SocketAddr]>;

pub fn reader(number: usize) -> String {
    format!("reader{number}")
}

/// What everybody's inbox has in the end.
#[derive(Clone, Copy, PartialEq)]
pub struct Written {
    pub messages: usize,
    pub unread: usize,
}

/// Readers read every other message.
fn is_read(number: usize) -> bool {
    number.is_multiple_of(2)
}

/// Everybody: readers follow their inboxes and read, writers send to all of them.
pub struct Crowd {
    following: JoinSet<Heard>,
    reading: JoinSet<()>,
    writing: JoinSet<usize>,
    sent: Arc<AtomicUsize>,
    stop: watch::Sender<bool>,
    written: watch::Sender<Option<Written>>,
}

impl Crowd {
    /// `cursors`: from where each reader follows.
    pub fn start(servers: &[SocketAddr], cursors: Vec<Option<String>>) -> Self {
        let servers: Servers = servers.into();
        let (written, expected) = watch::channel(None);
        let (mut following, mut reading) = (JoinSet::new(), JoinSet::new());
        for (number, cursor) in cursors.into_iter().enumerate() {
            let (to_read, arrived) = mpsc::unbounded_channel();
            let heard = Heard::nothing(cursor, to_read);
            following.spawn(keep_following(servers.clone(), number, heard, expected.clone()));
            reading.spawn(keep_reading(servers.clone(), number, arrived));
        }
        let (stop, stopped) = watch::channel(false);
        let sent = Arc::new(AtomicUsize::new(0));
        let mut writing = JoinSet::new();
        for writer in 0..WRITERS {
            writing.spawn(keep_writing(servers.clone(), writer, sent.clone(), stopped.clone()));
        }
        Crowd { following, reading, writing, sent, stop, written }
    }

    /// Returns when some more messages are acknowledged.
    pub async fn some_more(&self) {
        let wanted = self.sent.load(Ordering::Relaxed) + SOME;
        let more = async {
            while self.sent.load(Ordering::Relaxed) < wanted {
                sleep(BREATH).await;
            }
        };
        timeout(3 * PATIENCE, more).await.expect("writing does not go on");
    }

    /// Returns when everybody knows all that was written, once and in its order, and what they
    /// have read of it. Gives that, and how often anybody had to connect.
    pub async fn end(mut self) -> (Written, usize) {
        self.stop.send(true).unwrap();
        let mut written = Written { messages: 0, unread: 0 };
        while let Some(count) = self.writing.join_next().await {
            let count = count.unwrap();
            written.messages += count;
            written.unread += (0..count).filter(|number| !is_read(*number)).count();
        }
        self.written.send(Some(written)).unwrap();
        let mut connections = 0;
        while let Some(heard) =
            timeout(PATIENCE, self.following.join_next()).await.expect("something is missing")
        {
            let heard = heard.unwrap();
            assert!(heard.is_all(written));
            assert!(
                heard.arrived.values().all(|times| *times == 1),
                "something came twice: {:?}",
                heard.arrived
            );
            assert!(
                heard.numbers.values().all(|numbers| numbers.is_sorted()),
                "the order is wrong: {:?}",
                heard.numbers
            );
            connections += heard.connections;
        }
        while let Some(read) = self.reading.join_next().await {
            read.unwrap();
        }
        (written, connections)
    }
}

/// What somebody who follows their inbox has received, over any number of connections.
struct Heard {
    cursor: Option<String>,
    /// How often each message has arrived, by its title.
    arrived: BTreeMap<String, usize>,
    /// Of each writer, in the order of their arrival.
    numbers: BTreeMap<String, Vec<usize>>,
    /// The titles of those that are known to be read.
    read: BTreeSet<String>,
    unread: usize,
    connections: usize,
    /// Takes the ids of items that their owner will read.
    to_read: mpsc::UnboundedSender<String>,
}

impl Heard {
    fn nothing(cursor: Option<String>, to_read: mpsc::UnboundedSender<String>) -> Self {
        let (arrived, numbers, read) = Default::default();
        Heard { cursor, arrived, numbers, read, unread: 0, connections: 0, to_read }
    }

    fn is_all(&self, written: Written) -> bool {
        self.arrived.len() == written.messages
            && self.unread == written.unread
            && self.read.len() == written.messages - written.unread
    }

    fn apply(&mut self, update: &Value) {
        for change in update["changes"].as_array().into_iter().flatten() {
            let title = change["item"]["title"].as_str().unwrap().to_owned();
            let (writer, number) = title.split_once(": ").unwrap();
            let number = number.parse().unwrap();
            match change["type"].as_str() {
                Some("ARRIVED") => {
                    if is_read(number) {
                        // Nobody takes them from a reader who has failed.
                        let _ = self.to_read.send(change["itemId"].as_str().unwrap().to_owned());
                    }
                    self.numbers.entry(writer.to_owned()).or_default().push(number);
                    *self.arrived.entry(title).or_default() += 1;
                }
                Some("UPDATED") => {
                    assert!(self.arrived.contains_key(&title), "“{title}” had not arrived");
                    assert!(change["item"]["readAt"].is_string(), "“{title}” is not read");
                    self.read.insert(title);
                }
                _ => panic!("nobody does that: {change}"),
            }
        }
        self.cursor = update["cursor"].as_str().map(str::to_owned);
        self.unread = update["counts"]["unread"].as_u64().unwrap_or_default() as usize;
    }
}

/// Follows an inbox and reconnects whenever it is cut off, until all that was written is there.
async fn keep_following(
    servers: Servers,
    number: usize,
    mut heard: Heard,
    mut expected: watch::Receiver<Option<Written>>,
) -> Heard {
    let user = reader(number);
    for server in servers.iter().cycle().skip(number) {
        // Whatever ends the connection, the client reconnects.
        if let Err(why) = follow_once(*server, &user, &mut heard, &mut expected).await {
            tracing::debug!(user, arrived = heard.arrived.len(), %why, "cut off");
        }
        if expected.borrow().is_some_and(|all| heard.is_all(all)) {
            break;
        }
        sleep(BREATH).await;
    }
    heard
}

async fn follow_once(
    server: SocketAddr,
    user: &str,
    heard: &mut Heard,
    expected: &mut watch::Receiver<Option<Written>>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut request = format!("ws://{server}/graphql").into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
    // As a page on the server's or the proxy's host does.
    request.headers_mut().insert("origin", format!("http://{server}").parse()?);
    let stream = TcpStream::connect(server).await?;
    let (mut socket, _) =
        timeout(PATIENCE, tokio_tungstenite::client_async(request, stream)).await??;
    let init = json!({
        "type": "connection_init", "payload": {"authorization": format!("Bearer {}", token(user))},
    });
    socket.send(Message::text(init.to_string())).await?;
    let query = "subscription($after: String) { inboxUpdated(after: $after) {
        cursor resync counts { unread } changes { type itemId item { title readAt } } } }";
    let mut is_following = false;
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = expected.changed() => None,
        };
        let Some(message) = message else { return Ok(()) };
        let Message::Text(text) = message? else { continue };
        let message: Value = serde_json::from_str(&text)?;
        match message["type"].as_str() {
            Some("connection_ack") => {
                let payload = json!({"query": query, "variables": {"after": heard.cursor}});
                socket
                    .send(Message::text(
                        json!({"type": "subscribe", "id": "1", "payload": payload}).to_string(),
                    ))
                    .await?;
            }
            Some("next") => {
                let update = &message["payload"]["data"]["inboxUpdated"];
                if !update["cursor"].is_string() {
                    return Err(text.to_string().into());
                }
                assert_eq!(update["resync"], Value::Null, "{user} cannot go on: {text}");
                heard.connections += usize::from(!is_following);
                is_following = true;
                heard.apply(update);
                if expected.borrow().is_some_and(|all| heard.is_all(all)) {
                    return Ok(());
                }
            }
            Some("ping") => socket.send(Message::text(json!({"type": "pong"}).to_string())).await?,
            // An error, or the end of the stream.
            _ => return Err(text.to_string().into()),
        }
    }
}

/// Marks what has arrived as read.
async fn keep_reading(
    servers: Servers,
    number: usize,
    mut arrived: mpsc::UnboundedReceiver<String>,
) {
    /// As many items as one call takes.
    const MANY: usize = 100;
    let mut client = Client::new(servers, number, &reader(number));
    let mut items = Vec::new();
    while arrived.recv_many(&mut items, MANY).await > 0 {
        let read = "mutation($items: [ID!]!) {
            markRead(input: {itemIds: $items}) { cursor } }";
        client.settle(read, &json!({"items": items})).await;
        items.clear();
    }
}

/// Sends to all readers; gives how many messages.
async fn keep_writing(
    servers: Servers,
    number: usize,
    sent: Arc<AtomicUsize>,
    stop: watch::Receiver<bool>,
) -> usize {
    let send = "mutation($to: [AudienceRef!]!, $subject: String!) {
        createMessage(input: {to: $to, subject: $subject, body: \"\", idempotencyKey: $subject}) {
            message { id } } }";
    let to: Value =
        (0..READERS).map(|number| json!({"user": {"externalId": reader(number)}})).collect();
    let mut client = Client::new(servers, number, "writer");
    let mut count = 0;
    while !*stop.borrow() {
        let subject = format!("{number}: {count}");
        client.settle(send, &json!({"to": to, "subject": subject})).await;
        count += 1;
        sent.fetch_add(1, Ordering::Relaxed);
    }
    count
}

/// Asks one server after the other.
struct Client {
    http: reqwest::Client,
    servers: Servers,
    next: usize,
    token: String,
}

impl Client {
    fn new(servers: Servers, first: usize, user: &str) -> Self {
        Client { http: reqwest::Client::new(), servers, next: first, token: token(user) }
    }

    /// Repeats a mutation until it is acknowledged; it may have been made each time.
    async fn settle(&mut self, mutation: &str, variables: &Value) {
        loop {
            let server = self.servers[self.next % self.servers.len()];
            self.next += 1;
            let request =
                self.http.post(format!("http://{server}/graphql")).bearer_auth(&self.token);
            let request =
                request.json(&json!({"query": mutation, "variables": variables})).timeout(PATIENCE);
            let answer: Option<Value> = match request.send().await {
                Ok(answer) => answer.json().await.ok(),
                Err(_) => None,
            };
            if answer.is_some_and(|answer| answer["data"].is_object()) {
                return;
            }
            sleep(BREATH).await;
        }
    }
}
