//! A client that costs little beside the server on the same machine: HTTP/1.1 over one connection that stays.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::Result;

pub struct Http {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The bytes of a GraphQL request.
pub fn graphql(token: &str, query: &str, variables: &serde_json::Value) -> Vec<u8> {
    let body = serde_json::json!({"query": query, "variables": variables}).to_string();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

impl Http {
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Http { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request; gives the body of the answer, which has to be 200 and without errors.
    pub async fn send(&mut self, request: &[u8]) -> Result<&str> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let body = loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server has closed the connection".into());
            }
            if let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = str::from_utf8(&self.buffer[..body])?;
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .ok_or("no content-length")?;
        let is_ok = head.starts_with("HTTP/1.1 200 ");
        let end = body + length.parse::<usize>()?;
        while self.buffer.len() < end {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server has closed the connection".into());
            }
        }
        let body = str::from_utf8(&self.buffer[body..end])?;
        if is_ok && !body.contains("\"errors\":") { Ok(body) } else { Err(body.to_owned().into()) }
    }
}
