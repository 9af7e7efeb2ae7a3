//! Accepting connections, and what a peer may take its time for: the header of a request, taking what it is sent, doing
//! nothing. axum's own loop knows none of these.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{Router, extract::Request, http::StatusCode};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Sleep, sleep},
};
use tower::ServiceExt;

use crate::app::App;

/// After the system refused a connection, because it has no more sockets or memory.
const BREATH: Duration = Duration::from_millis(100);
/// Of a request's header.
const LARGEST_HEADER: usize = 64 * 1024;

/// Serves until the app is told to shut down, and then until the requests in flight have finished.
pub async fn serve(app: &App, listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = app.shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => drop(connections.spawn(connection(app.clone(), stream, router.clone()))),
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// The address at the other end, which may be a proxy's.
#[derive(Clone, Copy)]
pub struct Peer(pub IpAddr);

async fn connection(app: App, stream: TcpStream, router: Router) {
    let limits = &app.config.limits;
    let peer = stream.peer_addr().ok().map(|peer| Peer(peer.ip()));
    // Updates are small and must not wait for each other.
    let _ = stream.set_nodelay(true);
    let phase = Arc::new(AtomicUsize::new(0));
    let patient = Patient {
        stream,
        phase: phase.clone(),
        header_phase: 0,
        header: Deadline::new(limits.header_timeout),
        write: Deadline::new(limits.write_timeout),
    };
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let (router, phase) = (router.clone(), phase.clone());
        phase.fetch_add(1, Ordering::Relaxed);
        async move {
            let response = router.oneshot(request).await;
            // A websocket has a protocol, and deadlines, of its own.
            let is_upgraded =
                response.as_ref().is_ok_and(|response| response.status() == StatusCode::SWITCHING_PROTOCOLS);
            phase.fetch_add(usize::from(!is_upgraded), Ordering::Relaxed);
            response
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_timeout)
        .max_buf_size(LARGEST_HEADER)
        .serve_connection(TokioIo::new(patient), service)
        .with_upgrades();
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = app.shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// A stream whose peer may not send a header drop by drop, nor leave unread what it is sent.
pub struct Patient {
    stream: TcpStream,
    /// Even between two requests, when what comes is the header of the next; odd during one.
    phase: Arc<AtomicUsize>,
    header: Deadline,
    /// When the header began.
    header_phase: usize,
    write: Deadline,
}

/// A time that runs from its first check to its end.
struct Deadline {
    time: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    fn new(time: Duration) -> Self {
        Deadline { time, sleep: None }
    }

    fn start(&mut self) {
        self.sleep.get_or_insert_with(|| Box::pin(sleep(self.time)));
    }

    fn stop(&mut self) {
        self.sleep = None;
    }

    /// Ready when it is over; wakes the task then.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(cx).map(|()| io::ErrorKind::TimedOut.into()),
            None => Poll::Pending,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
        let phase = self.phase.load(Ordering::Relaxed);
        if phase != self.header_phase {
            self.header.stop();
            self.header_phase = phase;
        }
        if phase.is_multiple_of(2) && buf.filled().len() > before {
            self.header.start();
        }
        match outcome {
            Poll::Pending => Poll::Ready(Err(ready!(self.header.poll(cx)))),
            Poll::Ready(outcome) => Poll::Ready(outcome),
        }
    }
}

impl Patient {
    /// The stream alone, for a protocol that has deadlines of its own.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// What a write came to, or that the peer has taken nothing for too long.
    fn or_late<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Pending => {
                self.write.start();
                Poll::Ready(Err(ready!(self.write.poll(cx))))
            }
            Poll::Ready(outcome) => {
                self.write.stop();
                Poll::Ready(outcome)
            }
        }
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.or_late(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.or_late(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
