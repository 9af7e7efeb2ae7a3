//! An id for each request, in its answer and in the log.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use hyper::body::{Frame, SizeHint};
use rand::Rng;
use tracing::{Instrument, Span};

pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ids are replaced.
const LONGEST: usize = 64;

/// Takes the id that a proxy gave, or creates one.
pub async fn set(request: Request, next: Next) -> Response {
    let given =
        request.headers().get(HEADER).and_then(|id| id.to_str().ok()).filter(|id| is_plain(id));
    let id = given.map_or_else(|| format!("{:016x}", rand::rng().random::<u64>()), str::to_owned);
    let span = tracing::info_span!("request", id);
    let mut response = next.run(request).instrument(span.clone()).await;
    // A stream is made after this has returned: events, a report.
    if response.body().size_hint().exact().is_none() {
        response = response.map(|body| Body::new(Within { span, body }));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// A body that is made within the span of its request, so that what is logged meanwhile has its
/// name.
struct Within {
    span: Span,
    body: Body,
}

impl HttpBody for Within {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Within { span, body } = &mut *self;
        span.in_scope(|| Pin::new(body).poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Only characters that cannot forge a log line.
fn is_plain(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(is_plain)
}
