//! An id for each request, in its answer and in the log.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use rand::Rng;
use tracing::Instrument;

pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ids are replaced.
const LONGEST: usize = 64;

/// Takes the id that a proxy gave, or creates one.
pub async fn set(request: Request, next: Next) -> Response {
    let given =
        request.headers().get(HEADER).and_then(|id| id.to_str().ok()).filter(|id| is_plain(id));
    let id = given.map_or_else(|| format!("{:016x}", rand::rng().random::<u64>()), str::to_owned);
    let span = tracing::info_span!("request", id);
    let mut response = next.run(request).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// Only characters that cannot forge a log line.
fn is_plain(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(is_plain)
}
