//! Which web pages may use the API from a browser: those of this host, and those that
//! `cors_origins` names.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::{ACT_AS, request_id, sse};
use crate::config::Config;

const ANY: &str = "*";

/// Tells browsers what pages of the configured origins may do. None if there are none: browsers
/// then block others by themselves.
pub fn cors(config: &Config) -> Option<CorsLayer> {
    let origins = config.cors_origins.clone();
    if origins.is_empty() {
        return None;
    }
    let is_named = move |origin: &HeaderValue, _: &_| is_one_of(origin, &origins);
    let headers = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        HeaderName::from_static(ACT_AS),
        request_id::HEADER,
        sse::LAST_EVENT_ID,
    ];
    let layer =
        CorsLayer::new().allow_origin(AllowOrigin::predicate(is_named)).allow_headers(headers);
    Some(
        layer
            .allow_methods([Method::GET, Method::POST])
            .expose_headers([request_id::HEADER, header::RETRY_AFTER]),
    )
}

/// Whether the page that sent a request may do so. Clients other than browsers send no origin, and
/// may.
pub fn is_welcome(config: &Config, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    is_one_of(origin, &config.cors_origins)
        || Origin::of(origin).is_some_and(|origin| origin.is_of(host))
}

fn is_one_of(origin: &HeaderValue, known: &[String]) -> bool {
    let origin = Origin::of(origin);
    known.iter().any(|known| known == ANY || (origin.is_some() && Origin::parse(known) == origin))
}

/// The origin of a page (RFC 6454).
#[derive(Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// None for `null`, which sandboxed pages and files send.
    fn of(header: &HeaderValue) -> Option<Self> {
        header.to_str().ok().and_then(Origin::parse)
    }

    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.trim_end_matches('/').parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let port = uri.port_u16().or_else(|| default_port(&scheme));
        Some(Origin { host: uri.host()?.to_ascii_lowercase(), port, scheme })
    }

    /// Whether this is the host that a request was sent to. A proxy may have removed TLS, so the
    /// server does not know its own scheme: a missing port is the default port of the origin's
    /// scheme.
    fn is_of(&self, host: Option<&str>) -> bool {
        let Some(host) = host.and_then(|host| host.parse::<Uri>().ok()) else { return false };
        let port = host.port_u16().or_else(|| default_port(&self.scheme));
        host.host().is_some_and(|name| name.eq_ignore_ascii_case(&self.host)) && port == self.port
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome(host: &str, origin: &str, known: &[&str]) -> bool {
        let cors_origins = known.iter().map(|known| (*known).to_owned()).collect();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        is_welcome(&Config { cors_origins, ..Config::default() }, &headers)
    }

    #[test]
    fn a_page_of_the_same_host_and_port_is_welcome() {
        for (host, origin) in [
            ("localhost:8080", "http://localhost:8080"),
            ("app.example.com", "https://app.example.com"),
            ("app.example.com:443", "https://app.example.com"),
            ("app.example.com", "http://app.example.com:80"),
            ("App.Example.com", "HTTPS://app.example.COM"),
            ("[::1]:8080", "http://[::1]:8080"),
        ] {
            assert!(welcome(host, origin, &[]), "{host} {origin}");
        }
    }

    #[test]
    fn a_page_of_another_host_or_port_is_not() {
        for (host, origin) in [
            ("localhost:8080", "http://localhost:8081"),
            ("app.example.com", "https://app.example.com:8443"),
            ("app.example.com", "https://example.com"),
            ("app.example.com", "https://app.example.com.evil.org"),
            ("app.example.com", "null"),
            ("app.example.com", ""),
            ("app.example.com", "app.example.com"),
            ("null", "null"),
        ] {
            assert!(!welcome(host, origin, &[]), "{host} {origin}");
        }
    }

    #[test]
    fn pages_of_named_origins_are_welcome() {
        let known = ["https://app.example.com", "http://localhost:3000/", "chrome-extension://abc"];
        for origin in [
            "https://app.example.com",
            "https://APP.example.com:443",
            "http://localhost:3000",
            "chrome-extension://abc",
        ] {
            assert!(welcome("api.example.com", origin, &known), "{origin}");
        }
        for origin in
            ["http://app.example.com", "http://localhost", "chrome-extension://def", "null"]
        {
            assert!(!welcome("api.example.com", origin, &known), "{origin}");
        }
        assert!(welcome("api.example.com", "https://anywhere.example", &["*"]));
        assert!(welcome("api.example.com", "null", &["*"]));
    }

    #[test]
    fn what_is_no_browser_is_welcome() {
        assert!(is_welcome(&Config::default(), &HeaderMap::new()));
    }
}
