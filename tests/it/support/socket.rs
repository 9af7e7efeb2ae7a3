//! A websocket client that shows every frame, and one that follows an inbox as a single-page app
//! does.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, Role},
    },
};

use super::state::{COUNTS, ITEM, InboxState, THREAD};

/// Long enough for a busy machine. Nothing waits this long unless the test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

const UPGRADE: [(&str, &str); 4] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];
const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

/// A websocket, frame by frame.
pub struct Socket(WebSocketStream<TcpStream>);

/// The server's answer to a handshake: the status line and the headers, in lower case.
pub struct Handshake {
    pub stream: TcpStream,
    pub head: String,
}

impl Handshake {
    /// With the headers of a websocket and these, which take precedence; one without a value is
    /// left out.
    pub async fn send(address: &str, request: &str, headers: &[(&str, &str)]) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), address, request, headers).await
    }

    async fn over(
        mut stream: TcpStream,
        address: &str,
        request: &str,
        headers: &[(&str, &str)],
    ) -> Self {
        let mut text = format!("{request}\r\n");
        let host = ("host", address);
        let usual = UPGRADE.iter().chain([&PROTOCOL, &host]);
        for (name, value) in
            usual.filter(|(name, _)| headers.iter().all(|(other, _)| other != name)).chain(headers)
        {
            if !value.is_empty() {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        stream.write_all(format!("{text}\r\n").as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(PATIENCE, stream.read_u8()).await.expect("nothing came").unwrap());
        }
        Handshake { stream, head: String::from_utf8(head).unwrap().to_lowercase() }
    }

    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap()
    }

    pub async fn socket(self) -> Socket {
        assert_eq!(self.status(), 101, "{}", self.head);
        Socket(WebSocketStream::from_raw_socket(self.stream, Role::Client, None).await)
    }
}

impl Socket {
    pub async fn open(address: &str) -> Self {
        Self::open_with(address, &[]).await
    }

    pub async fn open_with(address: &str, headers: &[(&str, &str)]) -> Self {
        Handshake::send(address, "GET /graphql HTTP/1.1", headers).await.socket().await
    }

    /// A socket with minimal system buffers: if nobody reads it, it stalls the server at once.
    pub async fn open_narrow(address: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let stream = socket.connect(address.parse().unwrap()).await.unwrap();
        Handshake::over(stream, address, "GET /graphql HTTP/1.1", &[]).await.socket().await
    }

    /// Sends `connection_init` with a token.
    pub async fn introduced(mut self, token: &str) -> Self {
        let payload = json!({"Authorization": format!("Bearer {token}")});
        self.send(json!({"type": "connection_init", "payload": payload})).await;
        assert_eq!(self.receive().await["type"], "connection_ack");
        self
    }

    pub async fn send(&mut self, message: Value) {
        self.frame(Message::text(message.to_string())).await;
    }

    pub async fn frame(&mut self, frame: Message) {
        self.0.send(frame).await.unwrap();
    }

    /// Sends them all at once, so that the server finds them together.
    pub async fn send_together(&mut self, messages: impl IntoIterator<Item = Value>) {
        for message in messages {
            self.0.feed(Message::text(message.to_string())).await.unwrap();
        }
        self.0.flush().await.unwrap();
    }

    /// Sends bytes that need not be a valid frame.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
    }

    /// Sends `connection_init` without a token.
    pub async fn initialised(mut self) -> Self {
        self.send(json!({"type": "connection_init"})).await;
        assert_eq!(self.receive().await, json!({"type": "connection_ack"}));
        self
    }

    /// The socket is open, and the server has nothing to send.
    pub async fn assert_quiet(&mut self) {
        self.send(json!({"type": "ping", "payload": {"is": "quiet"}})).await;
        assert_eq!(self.receive().await, json!({"type": "pong", "payload": {"is": "quiet"}}));
    }

    /// Sends without reading, until both directions are full and the server waits for the client.
    pub async fn clog(&mut self) {
        let padding = "x".repeat(60_000);
        let ping =
            Message::text(json!({"type": "ping", "payload": {"padding": padding}}).to_string());
        while let Ok(sent) = timeout(Duration::from_millis(500), self.0.send(ping.clone())).await {
            sent.unwrap();
        }
    }

    /// The code with which the server closes the socket. It sends nothing more, and ends the
    /// connection.
    pub async fn code(&mut self) -> u16 {
        let frame = self.closed().await;
        assert!(frame.reason.len() <= 123 && !frame.reason.is_empty(), "{frame:?}");
        let rest = timeout(PATIENCE, self.0.next()).await.expect("the connection stays");
        assert!(!matches!(rest, Some(Ok(_))), "after the close came {rest:?}");
        frame.code.into()
    }

    /// Closes the socket; returns when the server has released it.
    pub async fn close(mut self) {
        self.0.close(None).await.unwrap();
        while let Some(Ok(_)) =
            timeout(PATIENCE, self.0.next()).await.expect("the server does not end it")
        {}
    }

    /// The next message of the protocol; pings of the transport are answered on the way.
    pub async fn receive(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// The reason with which the server closes the socket.
    pub async fn closed(&mut self) -> CloseFrame {
        loop {
            match self.next().await {
                Message::Close(frame) => return frame.unwrap(),
                Message::Text(_) => {}
                other => panic!("expected the end, got {other:?}"),
            }
        }
    }

    async fn next(&mut self) -> Message {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.expect("nothing came");
            match message.expect("the connection was cut").unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({"query": query, "variables": variables});
        self.send(json!({"id": id, "type": "subscribe", "payload": payload})).await;
    }
}

/// A client that follows an inbox and keeps what it receives.
pub struct Following {
    pub socket: Socket,
    pub state: InboxState,
    /// The last update.
    pub update: Value,
    /// The changes that the test has not taken yet.
    changes: std::collections::VecDeque<Change>,
}

/// A change with the cursor of its update.
#[derive(Clone, Debug)]
pub struct Change {
    pub kind: String,
    pub title: Option<String>,
    pub cursor: String,
}

impl Following {
    /// Follows an inbox with everything that a client keeps of it.
    pub async fn inbox(socket: Socket, after: Option<&str>) -> Self {
        let subscription = format!(
            "subscription($after: String) {{ inboxUpdated(after: $after) {{
               cursor caughtUp resync counts {{ {COUNTS} }}
               changes {{ type itemId item {{ {ITEM} }} {THREAD} }} }} }}"
        );
        Self::start(socket, &subscription, json!({"after": after})).await
    }

    /// Returns when the first update has arrived: from then on nothing can be missed.
    pub async fn start(mut socket: Socket, subscription: &str, variables: Value) -> Self {
        socket.subscribe("1", subscription, variables).await;
        let state = InboxState::new("", Value::Null, Vec::new());
        let mut following =
            Following { socket, state, update: Value::Null, changes: Default::default() };
        following.next_update().await;
        following
    }

    /// The same client, with what it already knows.
    pub fn with(mut self, mut known: InboxState) -> Self {
        std::mem::swap(&mut self.state, &mut known);
        let update = self.update.clone();
        self.changes.clear();
        self.apply(&update);
        self
    }

    /// Applies the next update.
    pub async fn next_update(&mut self) -> Value {
        let message = self.socket.receive().await;
        if message["type"] == "ping" {
            self.socket.send(json!({"type": "pong"})).await;
            return Box::pin(self.next_update()).await;
        }
        assert_eq!(message["type"], "next", "{message:#}");
        assert!(message["payload"].get("errors").is_none(), "{message:#}");
        let update = message["payload"]["data"]["inboxUpdated"].clone();
        self.apply(&update);
        self.update = update.clone();
        update
    }

    fn apply(&mut self, update: &Value) {
        self.state.apply(update);
        for change in update["changes"].as_array().unwrap() {
            self.changes.push_back(Change {
                kind: change["type"].as_str().unwrap().to_owned(),
                title: change["item"]["title"].as_str().map(str::to_owned),
                cursor: self.state.cursor.clone(),
            });
        }
    }

    /// Receives updates until one has this cursor.
    pub async fn until(&mut self, cursor: &str) {
        while self.state.cursor != cursor {
            self.next_update().await;
        }
    }

    pub async fn next_change(&mut self) -> Change {
        loop {
            match self.changes.pop_front() {
                Some(change) => return change,
                None => drop(self.next_update().await),
            }
        }
    }

    /// The titles of the next changes.
    pub async fn take_titles(&mut self, count: usize) -> Vec<String> {
        let mut titles = Vec::with_capacity(count);
        while titles.len() < count {
            titles.push(self.next_change().await.title.unwrap_or_default());
        }
        titles
    }
}
