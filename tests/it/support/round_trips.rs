//! Counts the round trips to PostgreSQL, between the server under test and the database.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// What a client asks before it introduces itself: for TLS, or for GSSAPI. It may be refused.
const REQUESTS: [u32; 2] = [80_877_103, 80_877_104];

/// A door to a database that counts what comes through it.
pub struct RoundTrips {
    /// The database, by way of the door.
    pub url: String,
    count: Arc<AtomicU64>,
}

impl RoundTrips {
    pub async fn to(url: &str) -> Self {
        let (user, rest) = url.split_once('@').unwrap();
        let (database, name) = rest.split_once('/').unwrap();
        let database = database.to_owned();
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{user}@{}/{name}", door.local_addr().unwrap());
        let count = Arc::<AtomicU64>::default();
        let counter = count.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = door.accept().await {
                let server = TcpStream::connect(&database).await.unwrap();
                let ((from_client, mut to_client), (mut from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(async move { io::copy(&mut from_server, &mut to_client).await });
                tokio::spawn(pass_on(from_client, to_server, counter.clone()));
            }
        });
        Self { url, count }
    }

    /// How many there were so far: each statement, and each ping.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// Passes on what a client sends, message by message.
async fn pass_on(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    count: Arc<AtomicU64>,
) -> io::Result<()> {
    loop {
        let message = read_message(&mut client).await?;
        server.write_all(&message).await?;
        if !REQUESTS.iter().any(|request| message[4..].starts_with(&request.to_be_bytes())) {
            break;
        }
    }
    loop {
        let kind = client.read_u8().await?;
        let message = read_message(&mut client).await?;
        // A query, and the end of one that was prepared: then the client waits for the answer.
        if matches!(kind, b'Q' | b'S') {
            count.fetch_add(1, Ordering::Relaxed);
        }
        server.write_all(&[&[kind], &*message].concat()).await?;
    }
}

/// A message, with its length in front.
async fn read_message(client: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let length = client.read_u32().await?;
    let mut message = length.to_be_bytes().to_vec();
    message.resize(length as usize, 0);
    client.read_exact(&mut message[4..]).await?;
    Ok(message)
}
