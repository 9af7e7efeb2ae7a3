//! What only the demo has: its people, with tokens, and their portraits.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::Path,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::assets::secured;
use crate::{app::Demo, text};

pub fn routes<S: Clone + Send + Sync + 'static>(demo: Arc<Demo>) -> Router<S> {
    let of_users = demo.clone();
    Router::new()
        .route(
            "/demo/users.json",
            get(move |headers: HeaderMap| async move { users(&of_users, &headers) }),
        )
        .route(
            "/demo/pictures/{file}",
            get(move |Path(file): Path<String>| async move { picture(&demo, &file) }),
        )
}

/// The people that the demo lets anybody sign in as. Only on this machine: a foreign page can make
/// its host name resolve to a loopback address, but its browser then still sends that name.
fn users(demo: &Demo, headers: &HeaderMap) -> Response {
    if !is_loopback(headers) {
        let why = "the demo answers only to localhost and loopback addresses\n";
        return (StatusCode::MISDIRECTED_REQUEST, why).into_response();
    }
    (secured("default-src 'none'"), [(header::CACHE_CONTROL, "no-store")], Json(&demo.users))
        .into_response()
}

/// Any page may show it: the addresses have 127.0.0.1, and somebody may have opened localhost.
fn picture(demo: &Demo, file: &str) -> Response {
    let portrait = file.strip_suffix(".svg").and_then(|person| demo.portraits.get(person));
    let Some(portrait) = portrait else { return StatusCode::NOT_FOUND.into_response() };
    let about = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    (secured("default-src 'none'"), about, portrait.clone()).into_response()
}

fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority = host.parse::<axum::http::uri::Authority>();
    authority.is_ok_and(|authority| text::is_loopback(authority.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_this_machine_are_loopback() {
        let is_loopback = |host: &str| {
            is_loopback(&HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]))
        };
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:8080",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::2]",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
