//! The frames of F6 without Tidings: a server that broadcasts a text to all its sockets, in the process of the bench. It is what
//! a chat example of axum does: a task for each socket, which writes what a channel brings.

use std::net::SocketAddr;

use futures_util::SinkExt;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast,
};
use tokio_tungstenite::{
    accept_async,
    tungstenite::{Message, Utf8Bytes},
};

use crate::Result;

const QUEUE: usize = 16;

pub struct Broadcast {
    pub address: SocketAddr,
    frames: broadcast::Sender<Utf8Bytes>,
}

impl Broadcast {
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (frames, _) = broadcast::channel(QUEUE);
        let sender = frames.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass_on(stream, sender.subscribe()));
            }
        });
        Ok(Broadcast { address, frames })
    }

    pub fn send(&self, frame: Utf8Bytes) -> Result<()> {
        self.frames.send(frame).map(drop).map_err(|_| "nobody is connected".into())
    }
}

async fn pass_on(stream: TcpStream, mut frames: broadcast::Receiver<Utf8Bytes>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut socket = accept_async(stream).await?;
    while let Ok(frame) = frames.recv().await {
        socket.send(Message::Text(frame)).await?;
    }
    Ok(())
}
