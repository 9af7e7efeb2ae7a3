//! Requests to other servers: HTTP/1.1, and TLS with the certificates of the system.
//!
//! Redirects are not followed: they could lead out of TLS, and what is asked here has a fixed
//! address.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    http::{HeaderValue, Request, Response, Uri, header},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Legacy, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::CryptoProvider};
use tokio::time::timeout;

use crate::text;

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("tidings/", env!("CARGO_PKG_VERSION")));

/// Sends requests, and keeps connections for later ones.
pub struct Client(Legacy<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Client {
    /// For requests to the server of this URL. Keeps at most `kept` idle connections to it. Fails if
    /// it needs TLS and the system has no certificates: a small container has none.
    pub fn new(server: &Uri, kept: usize) -> Result<Self, String> {
        let provider = rustls::crypto::ring::default_provider();
        let builder = HttpsConnectorBuilder::new();
        let tls = match server.scheme_str() {
            Some("http") => builder.with_tls_config(without_certificates(provider)?),
            _ => builder
                .with_provider_and_native_roots(provider)
                .map_err(|error| format!("no CA certificates: {error}"))?,
        };
        let connector = tls.https_or_http().enable_http1().build();
        let mut client = Legacy::builder(TokioExecutor::new());
        Ok(Client(client.pool_max_idle_per_host(kept).build(connector)))
    }

    /// The answer, whose body has at most this many bytes and is there within this time. The error
    /// is for the operator.
    pub async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
        largest: usize,
        patience: Duration,
    ) -> Result<Response<Bytes>, String> {
        request.headers_mut().insert(header::USER_AGENT, USER_AGENT);
        let exchange = async {
            let answer = self.0.request(request).await.map_err(|error| with_causes(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, largest).collect().await;
            let body = body.map_err(|error| with_causes(&*error))?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        timeout(patience, exchange).await.unwrap_or_else(|_| Err("no answer in time".into()))
    }
}

/// An http or https URL that names a host. The error says what it must be.
pub fn url(text: &str) -> Result<Uri, &'static str> {
    let Ok(url) = text.parse::<Uri>() else { return Err("is not a URL") };
    if !matches!(url.scheme_str(), Some("https" | "http")) {
        return Err("must begin with https:// or http://");
    }
    if url.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return Err("must name a host, and no user or password");
    }
    Ok(url)
}

/// As [`url`], for what others on the way may neither read nor change: http is for loopback only.
pub fn private_url(text: &str) -> Result<Uri, &'static str> {
    let url = url(text)?;
    if url.scheme_str() == Some("http") && !url.host().is_some_and(text::is_loopback) {
        return Err("must be an https URL; http is for loopback only");
    }
    Ok(url)
}

/// TLS that trusts nobody.
fn without_certificates(provider: CryptoProvider) -> Result<ClientConfig, String> {
    let tls = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

/// Includes the causes: "connection error" alone helps nobody.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
