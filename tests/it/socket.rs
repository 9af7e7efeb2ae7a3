//! A websocket client that shows every frame, and one that follows an inbox as a single-page app does.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};

use crate::app::InboxState;

/// Long enough for a loaded machine. Nothing waits for it unless the test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A websocket, frame by frame.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn open(url: &str) -> Self {
        Self::open_as(url, Some("graphql-transport-ws")).await
    }

    /// With another subprotocol, or with none.
    pub async fn open_as(url: &str, protocol: Option<&str>) -> Self {
        let mut request = url.into_client_request().unwrap();
        if let Some(protocol) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        }
        Socket(tokio_tungstenite::connect_async(request).await.unwrap().0)
    }

    pub async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message of the protocol; pings of the transport are answered in passing.
    pub async fn receive(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// Why the server closes the socket.
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
        self.send(json!({"id": id, "type": "subscribe", "payload": {"query": query, "variables": variables}})).await;
    }
}

/// A client that follows an inbox and keeps what it hears of it.
pub struct Following {
    pub socket: Socket,
    pub state: InboxState,
    /// The last update.
    pub update: Value,
    /// What has changed, as far as the test has not taken it.
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
    /// Returns when the first update is there: from then on nothing can be missed.
    pub async fn start(mut socket: Socket, subscription: &str, variables: Value) -> Self {
        socket.subscribe("1", subscription, variables).await;
        let state = InboxState::new("", Value::Null, Vec::new());
        let mut following = Following { socket, state, update: Value::Null, changes: Default::default() };
        following.next_update().await;
        following
    }

    /// The same client with what it already knows.
    pub fn with(mut self, mut known: InboxState) -> Self {
        std::mem::swap(&mut self.state, &mut known);
        let update = self.update.clone();
        self.changes.clear();
        self.apply(&update);
        self
    }

    /// Takes in the next update.
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
        self.state.cursor = update["cursor"].as_str().unwrap().to_owned();
        self.state.counts = update["counts"].clone();
        for change in update["changes"].as_array().unwrap() {
            let id = change["itemId"].as_str().unwrap().to_owned();
            match change["item"].is_null() {
                true => drop(self.state.items.remove(&id)),
                false => drop(self.state.items.insert(id, change["item"].clone())),
            }
            self.changes.push_back(Change {
                kind: change["type"].as_str().unwrap().to_owned(),
                title: change["item"]["title"].as_str().map(str::to_owned),
                cursor: self.state.cursor.clone(),
            });
        }
    }

    /// Hears updates until one has this cursor.
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
