//! A websocket as the protocol sees it: texts come in and go out, and it is closed with a reason.
//!
//! Its buffers are small, which is most of what a socket costs: an idle one has some 8 KiB, and one
//! that follows an inbox some 18, without the kernel's buffers (`cargo bench -- F8`). Compression
//! is never agreed on. The rest of what a subscription costs is mostly its parsed document and
//! async-graphql's stream.

use std::{io::ErrorKind, time::Duration};

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{Parts, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncWriteExt, copy, sink},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Bytes, Error, Message, Utf8Bytes,
        error::ProtocolError,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

use super::protocol::Close;
use crate::http::connections::TimedStream;

/// Clients mostly send less than this. A larger message gets a larger buffer for as long as it is
/// needed.
const READ_BUFFER: usize = 1024;
/// Larger messages are sent in frames of this size: the buffer of outgoing frames never shrinks
/// from the size of the largest.
const LARGEST_FRAME: usize = 4 * 1024;
/// How long the closing handshake may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Boxed, because futures that pass it on would reserve room for it several times.
pub struct Wire(Box<WebSocketStream<TcpStream>>);

/// What was received.
pub enum Heard {
    Text(Utf8Bytes),
    /// A control frame of the websocket, which shows that the client is alive.
    SignOfLife,
    /// The client has closed the socket, or the connection is broken.
    End,
}

impl Wire {
    /// Takes the connection over from the HTTP server, whose deadlines do not suit a websocket.
    pub async fn open(upgraded: Upgraded, largest_message: usize) -> Option<Self> {
        let Parts { io, read_buf, .. } = upgraded.downcast::<TokioIo<TimedStream>>().ok()?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(largest_message))
            .max_frame_size(Some(largest_message));
        let stream = io.into_inner().into_stream();
        // Copied, because otherwise the socket would keep this 8 KiB buffer.
        let read = read_buf.to_vec();
        let socket =
            WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await;
        Some(Wire(Box::new(socket)))
    }

    /// Waits for the next message from the client.
    pub async fn hear(&mut self) -> Result<Heard, Close> {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => Ok(Heard::Text(text)),
            Some(Ok(Message::Binary(_))) => Err(Close::invalid("messages must be text")),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                Ok(Heard::SignOfLife)
            }
            Some(Ok(Message::Close(_))) | None => Ok(Heard::End),
            // The codes of RFC 6455, section 7.4.1.
            Some(Err(Error::Capacity(_))) => {
                Err(Close::new(1009, "message_too_large", "the message is too large"))
            }
            Some(Err(Error::Utf8(_))) => Err(Close::new(1007, "not_utf8", "text must be UTF-8")),
            Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                Ok(Heard::End)
            }
            Some(Err(Error::Protocol(_))) => {
                Err(Close::new(1002, "not_websocket", "this is not the websocket protocol"))
            }
            Some(Err(_)) => Ok(Heard::End),
        }
    }

    /// Returns when the system has accepted the text. Each frame may take this long, so that slow
    /// clients can receive large messages, too.
    pub async fn say(&mut self, text: String, patience: Duration) -> Result<(), Error> {
        let mut rest = Bytes::from(text);
        let mut kind = Data::Text;
        loop {
            let part = rest.split_to(rest.len().min(LARGEST_FRAME));
            let frame = Frame::message(part, OpCode::Data(kind), rest.is_empty());
            let sent = timeout(patience, self.0.send(Message::Frame(frame))).await;
            sent.unwrap_or_else(|_| Err(Error::Io(ErrorKind::TimedOut.into())))?;
            if rest.is_empty() {
                return Ok(());
            }
            kind = Data::Continue;
        }
    }

    /// Sends the reason, and completes the closing handshake.
    pub async fn close(mut self, Close { code, reason, .. }: Close) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        if let Ok(Ok(())) = timeout(FAREWELL, self.0.send(Message::Close(Some(frame)))).await {
            self.finish().await;
        }
    }

    /// The closing handshake ends when both sides have sent a close frame; reading also answers the
    /// client's. Unread bytes would turn the close into a reset, and the client might not learn the
    /// reason.
    pub async fn finish(mut self) {
        let farewell = async {
            while let Some(Ok(_)) = self.0.next().await {}
            let stream = self.0.get_mut();
            stream.shutdown().await?;
            copy(stream, &mut sink()).await
        };
        let _ = timeout(FAREWELL, farewell).await;
    }
}
