//! Which web pages may use the API from a browser: those of this host, and those that `cors_origins` names.

use axum::http::{HeaderMap, Uri, header};

use crate::config::Config;

const ANY: &str = "*";

/// Whether the page that sent a request may do so. What is no browser names no origin, and may.
pub fn is_welcome(config: &Config, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    if config.cors_origins.iter().any(|known| known == ANY) {
        return true;
    }
    // `null`, which sandboxed pages and files send, is no origin.
    let Some(origin) = origin.to_str().ok().and_then(Origin::parse) else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    origin.is_of(host) || config.cors_origins.iter().any(|known| Origin::parse(known).as_ref() == Some(&origin))
}

/// Where a page is from (RFC 6454).
#[derive(Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.trim_end_matches('/').parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let port = uri.port_u16().or_else(|| default_port(&scheme));
        Some(Origin { host: uri.host()?.to_ascii_lowercase(), port, scheme })
    }

    /// Whether this is the host that a request was sent to. A proxy may have taken off TLS, so that the server does not know
    /// its own scheme: the port that goes without saying is the origin's.
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
        for origin in ["http://app.example.com", "http://localhost", "chrome-extension://def", "null"] {
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
