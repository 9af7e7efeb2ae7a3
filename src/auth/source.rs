//! Where a JWKS comes from: a URL or a file.

use std::{fs::File, io::Read, net::IpAddr, path::PathBuf, time::Duration};

use axum::{
    body::Bytes,
    http::{Request, StatusCode, Uri, header},
};
use chrono::TimeDelta;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::error::{Error, Result};

/// The largest document, enough for hundreds of keys.
const LARGEST: usize = 256 * 1024;
/// For the whole exchange: requests wait for it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a removed key may still work. A provider is asked this often; reading a file costs
/// nothing.
const URL_INTERVAL: TimeDelta = TimeDelta::minutes(10);
const FILE_INTERVAL: TimeDelta = TimeDelta::seconds(10);

type Http = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

pub enum Source {
    Url(Uri, Box<Http>),
    File(PathBuf),
}

impl Source {
    pub fn of(place: &str) -> Result<Self> {
        let refused = |why: &str| Err(Error::invalid("auth_jwks", why));
        let scheme = place.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        match scheme.as_deref() {
            None => return Ok(Source::File(PathBuf::from(place))),
            Some("https" | "http") => {}
            Some(_) => return refused("must be an https URL or the path of a file"),
        }
        let Ok(url) = place.parse::<Uri>() else { return refused("is not a URL") };
        if url.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return refused("must name a host, and no user or password");
        }
        // Anyone who can change the answer on its way could sign in as anybody.
        if url.scheme_str() == Some("http") && !url.host().is_some_and(is_loopback) {
            return refused("must be an https URL; http is for loopback only");
        }
        let provider = rustls::crypto::ring::default_provider();
        let tls = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider);
        let tls = tls
            .map_err(|error| Error::invalid("auth_jwks", format!("no CA certificates: {error}")))?;
        let connector = tls.https_or_http().enable_http1().build();
        // A connection kept open would idle for ten minutes until the next reading.
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Source::Url(url, Box::new(client)))
    }

    /// How long the keys count as fresh after a reading.
    pub fn interval(&self) -> TimeDelta {
        match self {
            Source::Url(..) => URL_INTERVAL,
            Source::File(_) => FILE_INTERVAL,
        }
    }

    /// The document; the error is for the log.
    pub async fn read(&self) -> Result<Vec<u8>, String> {
        match self {
            Source::Url(url, client) => {
                let fetched = tokio::time::timeout(TIMEOUT, fetch(client, url)).await;
                fetched.unwrap_or_else(|_| Err("no answer in time".into()))
            }
            Source::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || read_file(path)).await;
                read.unwrap_or_else(|_| Err("the reading ended".into()))
            }
        }
    }

    /// At the start, when nobody could be waiting yet: a missing file is a configuration mistake.
    pub fn read_now(&self) -> Option<Result<Vec<u8>, String>> {
        match self {
            Source::Url(..) => None,
            Source::File(path) => Some(read_file(path.clone())),
        }
    }
}

/// Redirects are not followed: they could lead out of TLS, and a JWKS has a fixed address.
async fn fetch(client: &Http, url: &Uri) -> Result<Vec<u8>, String> {
    let request = Request::get(url)
        .header(header::ACCEPT, "application/jwk-set+json, application/json")
        .header(header::USER_AGENT, concat!("tidings/", env!("CARGO_PKG_VERSION")))
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    let answer = client.request(request).await.map_err(|error| with_causes(&error))?;
    if answer.status() != StatusCode::OK {
        return Err(format!("the answer is {}", answer.status()));
    }
    let body = Limited::new(answer.into_body(), LARGEST)
        .collect()
        .await
        .map_err(|error| with_causes(&*error))?;
    Ok(body.to_bytes().to_vec())
}

fn read_file(path: PathBuf) -> Result<Vec<u8>, String> {
    let mut document = Vec::new();
    let file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    file.take(LARGEST as u64)
        .read_to_end(&mut document)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(document)
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Includes the causes: "connection error" alone helps nobody.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_tls_from_this_machine_or_from_a_file() {
        for (place, is_good) in [
            ("https://id.example.com/jwks.json", true),
            ("http://127.0.0.1:8081/jwks", true),
            ("http://[::1]:8081/jwks", true),
            ("http://localhost/jwks", true),
            ("keys/jwks.json", true),
            ("http://id.example.com/jwks.json", false),
            ("http://127.0.0.1.example.com/jwks", false),
            ("https://user:password@id.example.com/jwks", false),
            ("HTTP://id.example.com/jwks", false),
            ("ftp://id.example.com/jwks", false),
            ("https://", false),
        ] {
            assert_eq!(Source::of(place).is_ok(), is_good, "{place}");
        }
    }
}
