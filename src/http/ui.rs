//! GraphiQL, and in the demo the people it can sign in as.

use std::net::IpAddr;

use async_graphql::http::GraphiQLSource;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use rand::{Rng, distr::Alphanumeric};

use super::{
    Http,
    assets::{self, secured},
};
use crate::app::DemoUser;

const GRAPHIQL: &str = "graphiql.html";
const NONCE_CHARACTERS: usize = 24;
/// A notice above the page from the CDN, which is used if the server was built without Node.js.
const NOTICE: &str = r#"<style>
      #notice { margin: 0; padding: 0.5rem 1rem; font: 1rem/1.5 sans-serif }
      #notice { background: #fff3cd; color: #333 }
      body { display: flex; flex-direction: column; height: 100vh }
      #graphiql { flex: 1; min-height: 0 }
    </style>
    <p id="notice">
      GraphiQL is not built into this server, so it is loaded from unpkg.com. To have it offline,
      with ready-made tabs, install Node.js and start the server with <code>make demo</code>; or run
      <code>npm ci &amp;&amp; npm run build</code> in <code>web/</code> and rebuild the server.
    </p>"#;

pub fn routes(demo: bool) -> Router<Http> {
    let routes = assets::routes().route("/graphiql", get(graphiql));
    match demo {
        true => routes.route("/demo/users.json", get(demo_users)),
        false => routes,
    }
}

async fn graphiql(headers: HeaderMap) -> Response {
    match assets::find(GRAPHIQL) {
        Some(page) => page.answer(&headers),
        None => from_cdn(),
    }
}

/// The page for servers that were built without Node.js. Its scripts come from a CDN, and one of
/// them is inline: only those may run.
fn from_cdn() -> Response {
    let nonce: String =
        rand::rng().sample_iter(Alphanumeric).take(NONCE_CHARACTERS).map(char::from).collect();
    let page = GraphiQLSource::build()
        .endpoint("/graphql")
        .subscription_endpoint("/graphql")
        .title("Tidings")
        .finish();
    let page = page
        .replace("<script", &format!("<script nonce=\"{nonce}\""))
        .replace("<div id=\"graphiql\">", &format!("{NOTICE}\n    <div id=\"graphiql\">"));
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; connect-src 'self'; \
         style-src 'unsafe-inline' https://unpkg.com; \
         img-src data:; font-src data: https://unpkg.com; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    (secured(&policy), [(header::CACHE_CONTROL, "no-cache")], Html(page)).into_response()
}

/// The people that the demo lets anybody sign in as. Only on this machine: a foreign page can make
/// its host name resolve to a loopback address, but its browser then still sends that name.
async fn demo_users(State(http): State<Http>, headers: HeaderMap) -> Response {
    if !is_loopback(&headers) {
        let why = "the demo answers only to localhost and loopback addresses\n";
        return (StatusCode::MISDIRECTED_REQUEST, why).into_response();
    }
    let users: &[DemoUser] = http.app.demo.as_deref().unwrap_or_default();
    (secured("default-src 'none'"), [(header::CACHE_CONTROL, "no-store")], Json(users))
        .into_response()
}

fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Ok(authority) = host.parse::<axum::http::uri::Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page from the CDN runs only its own scripts, and says how to avoid the CDN.
    #[tokio::test]
    async fn the_page_from_the_cdn_allows_its_own_scripts_only() {
        let answer = from_cdn();
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        let page = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let page = String::from_utf8(page.to_vec()).unwrap();

        let nonce = policy.split_once("script-src 'nonce-").unwrap().1.split_once('\'').unwrap().0;
        assert_eq!(nonce.len(), NONCE_CHARACTERS);
        assert!(
            !policy.contains("script-src 'unsafe") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert_eq!(
            page.matches("<script").count(),
            page.matches(&format!("<script nonce=\"{nonce}\"")).count()
        );
        assert_eq!(page.matches("<script").count(), 4);
        assert!(page.contains("make demo") && page.contains("npm run build"));
    }

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
