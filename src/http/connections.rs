//! Accepts connections, and limits the time a peer may take to send the header of a request, to
//! receive what it is sent, or to do nothing. axum's own loop has none of these limits. A
//! connection that ends before its peer has sent everything is still read for a while: if it were
//! closed with unread bytes, it would be reset and the answer lost.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Router,
    body::{Bytes, HttpBody},
    extract::Request,
    http::StatusCode,
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Sleep, sleep},
};
use tower::ServiceExt;

use crate::{app::App, metrics::Open};

/// How long a peer may go on sending when the server ends: the rest of a request for which nothing
/// has been done yet, or what nobody will look at.
pub const LONGEST_LAST_REST: Duration = Duration::from_secs(1);
/// How long to pause after the system refused a connection because it has no more sockets or
/// memory.
const BREATH: Duration = Duration::from_millis(100);
/// The largest header of a request.
const LARGEST_HEADER: usize = 64 * 1024;
/// How long, and for how many bytes, to go on reading from a peer that was answered before it had
/// sent everything.
const LONGEST_REST: Duration = Duration::from_secs(5);
const LARGEST_REST: usize = 16 * 1024 * 1024;
const REST_AT_ONCE: usize = 16 * 1024;
/// The answer to a connection that exceeds the limit.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";

/// Serves at most this many connections, until the app is told to shut down, and then until the
/// requests in progress have finished.
pub async fn serve(app: &App, listener: TcpListener, router: Router, most: usize) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = app.shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) if connections.len() >= most => {
                app.metrics.refused.count("connections");
                // The socket's buffer is empty, so this never blocks.
                let _ = stream.try_write(TOO_MANY);
            }
            Ok((stream, _)) => {
                drop(connections.spawn(connection(app.clone(), stream, router.clone())))
            }
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
    let _open = Open::new(&app.metrics.connections);
    let limits = &app.config.limits;
    let peer = stream.peer_addr().ok().map(|peer| Peer(peer.ip()));
    // Updates are small and must not wait for each other.
    let _ = stream.set_nodelay(true);
    let phase = Arc::new(AtomicUsize::new(0));
    let [unread, is_ending] = [false; 2].map(|no| Arc::new(AtomicBool::new(no)));
    let stream = TimedStream {
        stream,
        phase: phase.clone(),
        header_phase: 0,
        is_ending: is_ending.clone(),
        header: Deadline::new(limits.header_timeout),
        write: Deadline::new(limits.write_timeout),
        unread: unread.clone(),
        is_shut: false,
        rest: Deadline::new(LONGEST_REST),
        rest_bytes: 0,
    };
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let (router, phase) = (router.clone(), phase.clone());
        phase.fetch_add(1, Ordering::Relaxed);
        let unread = unread.clone();
        let request = request.map(|body| Watched { body, is_read: false, unread });
        async move {
            let response = router.oneshot(request).await;
            // A websocket has its own protocol and deadlines.
            let is_upgraded = response
                .as_ref()
                .is_ok_and(|response| response.status() == StatusCode::SWITCHING_PROTOCOLS);
            phase.fetch_add(usize::from(!is_upgraded), Ordering::Relaxed);
            response
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_timeout)
        .max_buf_size(LARGEST_HEADER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = app.shutdown.cancelled() => {
            is_ending.store(true, Ordering::Relaxed);
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection was broken");
    }
}

/// A stream whose peer may not send a header too slowly, nor leave unread what it is sent.
pub struct TimedStream {
    stream: TcpStream,
    /// Even between two requests, when the next bytes are a header; odd during a request.
    phase: Arc<AtomicUsize>,
    header: Deadline,
    /// The phase in which the header began.
    header_phase: usize,
    /// Whether the server ends; whatever the peer has still to send then has less time.
    is_ending: Arc<AtomicBool>,
    write: Deadline,
    /// The peer was answered before it had sent everything.
    unread: Arc<AtomicBool>,
    /// Whether our side has been shut down.
    is_shut: bool,
    /// For reading the rest of what the peer sends.
    rest: Deadline,
    rest_bytes: usize,
}

/// The body of a request, which notes whether it was read to its end.
struct Watched {
    body: Incoming,
    is_read: bool,
    unread: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.is_read |= frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.is_read && !self.body.is_end_stream() {
            self.unread.store(true, Ordering::Relaxed);
        }
    }
}

/// A duration that starts at its first check.
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

    /// Begins again, if it is longer than this.
    fn shorten(&mut self, longest: Duration) {
        if self.time > longest {
            *self = Deadline::new(longest);
        }
    }

    fn stop(&mut self) {
        self.sleep = None;
    }

    /// Ready when the time is up; wakes the task then.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(cx).map(|()| io::ErrorKind::TimedOut.into()),
            None => Poll::Pending,
        }
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
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
        if phase.is_multiple_of(2) && self.is_ending.load(Ordering::Relaxed) {
            self.header.shorten(LONGEST_LAST_REST);
            self.header.start();
        }
        match outcome {
            Poll::Pending => Poll::Ready(Err(ready!(self.header.poll(cx)))),
            Poll::Ready(outcome) => Poll::Ready(outcome),
        }
    }
}

impl TimedStream {
    /// Reads and discards the rest of what the peer sends.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_ending.load(Ordering::Relaxed) {
            self.rest.shorten(LONGEST_LAST_REST);
        }
        self.rest.start();
        let mut part = [0; REST_AT_ONCE];
        while self.rest_bytes < LARGEST_REST {
            let mut part = ReadBuf::new(&mut part);
            match Pin::new(&mut self.stream).poll_read(cx, &mut part) {
                Poll::Ready(Ok(())) if !part.filled().is_empty() => {
                    self.rest_bytes += part.filled().len()
                }
                Poll::Ready(_) => break,
                Poll::Pending => return self.rest.poll(cx).map(drop),
            }
        }
        Poll::Ready(())
    }

    /// The bare stream, for a protocol with its own deadlines.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// The outcome of a write, or an error if the peer has received nothing for too long.
    fn or_late<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
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

impl AsyncWrite for TimedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
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
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.is_shut = true;
        }
        if self.unread.load(Ordering::Relaxed) {
            ready!(self.poll_rest(cx));
        }
        Poll::Ready(Ok(()))
    }
}
