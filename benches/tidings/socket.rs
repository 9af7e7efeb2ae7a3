//! A client of graphql-transport-ws.

use std::net::{Ipv4Addr, SocketAddr};

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message, Utf8Bytes, client::IntoClientRequest, http::HeaderValue, protocol::WebSocketConfig,
    },
};

use crate::Result;

/// The least that a client can follow of its inbox.
pub const INBOX: &str = "subscription { inboxUpdated { cursor changes { type item { title } } } }";

const SMALL_BUFFER: u32 = 4096;
/// It is zeroed before each read: with the default, 128 KiB, that was more than half of what the clients of F6 cost.
const READ_BUFFER: usize = 4096;

fn config() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(READ_BUFFER)
}

pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Opens a socket and introduces itself; returns when the server has acknowledged it.
    pub async fn open(address: SocketAddr, token: &str) -> Result<Self> {
        Self::open_from(Ipv4Addr::LOCALHOST, address, token).await
    }

    /// The same from another address of this machine: one has 28 000 ports at most.
    pub async fn open_from(source: Ipv4Addr, address: SocketAddr, token: &str) -> Result<Self> {
        let stream = TcpSocket::new_v4()?;
        stream.set_reuseaddr(true)?;
        stream.bind((source, 0).into())?;
        Socket::open_on(stream.connect(address).await?, token).await
    }

    /// The same with little room for what the client has not read yet: the server soon has to wait for it.
    pub async fn open_with_small_buffer(address: SocketAddr, token: &str) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(SMALL_BUFFER)?;
        Socket::open_on(socket.connect(address).await?, token).await
    }

    async fn open_on(stream: TcpStream, token: &str) -> Result<Self> {
        let address = stream.peer_addr()?;
        let mut request = format!("ws://{address}/graphql").into_client_request()?;
        request
            .headers_mut()
            .insert("sec-websocket-protocol", HeaderValue::from_static("graphql-transport-ws"));
        stream.set_nodelay(true)?;
        let (stream, _) = client_async_with_config(request, stream, Some(config())).await?;
        let mut socket = Socket(stream);
        let payload = json!({"authorization": format!("Bearer {token}")});
        socket.write(json!({"type": "connection_init", "payload": payload})).await?;
        socket.read_until("connection_ack").await?;
        Ok(socket)
    }

    /// Opens a socket to a server that speaks nothing in particular.
    pub async fn plain(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = format!("ws://{address}/");
        Ok(Socket(client_async_with_config(request, stream, Some(config())).await?.0))
    }

    /// Begins a subscription to an inbox; returns when the server has said where it stands.
    pub async fn follow(&mut self, subscription: &str) -> Result<()> {
        self.first_update(subscription, "cursor").await.map(drop)
    }

    /// The same; gives the first update that has a text.
    pub async fn first_update(&mut self, subscription: &str, text: &str) -> Result<Utf8Bytes> {
        self.subscribe(subscription, json!({})).await?;
        self.read_until(text).await
    }

    /// Begins an operation.
    pub async fn subscribe(&mut self, query: &str, variables: serde_json::Value) -> Result<()> {
        self.begin("1", query, variables).await
    }

    /// Begins an operation beside others.
    pub async fn begin(
        &mut self,
        id: &str,
        query: &str,
        variables: serde_json::Value,
    ) -> Result<()> {
        let payload = json!({"query": query, "variables": variables});
        self.write(json!({"type": "subscribe", "id": id, "payload": payload})).await
    }

    /// Reads until a message that contains this text, and gives it.
    pub async fn read_until(&mut self, text: &str) -> Result<Utf8Bytes> {
        loop {
            let message = self.receive().await?;
            if message.contains(text) {
                return Ok(message);
            }
            if message.contains("\"errors\"") {
                return Err(message.to_string().into());
            }
        }
    }

    /// The next message; the server's pings are answered in passing.
    pub async fn receive(&mut self) -> Result<Utf8Bytes> {
        loop {
            match self.0.next().await.ok_or("the server has closed the socket")?? {
                Message::Text(message) if message.starts_with("{\"type\":\"ping\"") => {
                    self.write(json!({"type": "pong"})).await?;
                }
                Message::Text(message) => return Ok(message),
                Message::Close(frame) => {
                    return Err(format!("the server closes the socket: {frame:?}").into());
                }
                _ => {}
            }
        }
    }

    async fn write(&mut self, message: serde_json::Value) -> Result<()> {
        Ok(self.0.send(Message::text(message.to_string())).await?)
    }
}
