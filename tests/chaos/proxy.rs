//! The network: a TCP proxy in front of a server, or between it and its database, that cuts, stalls
//! and slows connections when told to.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rand::Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use crate::Result;

/// How the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    Fair,
    /// Nothing passes, and nobody is told.
    Stalled,
    /// Everything passes, some bytes at a time.
    Dripping,
    /// Nobody comes through, and who was through is cut off.
    Cut,
    /// Every connection is cut after some bytes of a request or of an answer, in the middle of
    /// whatever it does.
    Treacherous,
}

/// The most bytes that a connection has left in treacherous weather.
const TREACHERY: usize = 2_000;
const DROPS: std::ops::Range<usize> = 1..200;
const BETWEEN_DROPS: Duration = Duration::from_millis(4);
const BUFFER: usize = 16 * 1024;

pub struct Proxy {
    pub address: SocketAddr,
    weather: watch::Sender<Weather>,
    /// Counts the cuts: who has begun before the last one is cut.
    cuts: watch::Sender<u64>,
}

impl Proxy {
    pub async fn start(target: SocketAddr) -> Result<Arc<Self>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let proxy = Arc::new(Proxy {
            address: listener.local_addr()?,
            weather: watch::Sender::new(Weather::Fair),
            cuts: watch::Sender::new(0),
        });
        tokio::spawn({
            let proxy = proxy.clone();
            async move {
                loop {
                    // Out of file descriptors, perhaps: others are about to end.
                    let Ok((client, _)) = listener.accept().await else {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    };
                    tokio::spawn(proxy.clone().connect(client, target));
                }
            }
        });
        Ok(proxy)
    }

    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
        if weather == Weather::Cut {
            self.cut();
        }
    }

    /// Cuts every connection that is there.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    async fn connect(self: Arc<Self>, client: TcpStream, target: SocketAddr) {
        let mut cuts = self.cuts.subscribe();
        if *self.weather.borrow() == Weather::Cut {
            return;
        }
        let Ok(server) = TcpStream::connect(target).await else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let ((from_client, to_client), (from_server, to_server)) =
            (client.into_split(), server.into_split());
        let there = self.pass(from_client, to_server);
        let back = self.pass(from_server, to_client);
        tokio::select! {
            () = there => {}
            () = back => {}
            _ = cuts.changed() => {}
        }
    }

    /// Passes on what comes in one direction, until its end or the connection's.
    async fn pass(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut weather = self.weather.subscribe();
        let mut left: Option<usize> = None;
        let mut buffer = vec![0; BUFFER];
        loop {
            let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                // Also when it has waited for long: the weather of now is what counts.
                if weather.wait_for(|weather| *weather != Weather::Stalled).await.is_err() {
                    return;
                }
                let now = *weather.borrow();
                let size = match now {
                    Weather::Dripping => rand::rng().random_range(DROPS).min(rest.len()),
                    Weather::Treacherous => {
                        let left =
                            left.get_or_insert_with(|| rand::rng().random_range(0..TREACHERY));
                        if *left == 0 {
                            return;
                        }
                        let size = rest.len().min(*left);
                        *left -= size;
                        size
                    }
                    _ => rest.len(),
                };
                if to.write_all(&rest[..size]).await.is_err() {
                    return;
                }
                rest = &rest[size..];
                if now == Weather::Dripping {
                    tokio::time::sleep(BETWEEN_DROPS).await;
                }
            }
        }
    }
}
