//! An identity provider: keys that are generated when the tests run, tokens signed with them, and
//! an HTTP server with their JWKS.

use std::sync::{Arc, LazyLock, Mutex};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use p256::pkcs8::EncodePrivateKey;
use rsa::{RsaPrivateKey, pkcs1::EncodeRsaPrivateKey, rand_core::OsRng};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use super::tls::Tls;

pub struct Key {
    pub algorithm: Algorithm,
    pub signing: EncodingKey,
}

/// Generating an RSA key takes so long that all tests share these.
pub static RSA: LazyLock<Key> = LazyLock::new(|| Key::rsa(&RSA_KEY));
pub static RSA_KEY: LazyLock<RsaPrivateKey> =
    LazyLock::new(|| RsaPrivateKey::new(&mut OsRng, 2048).unwrap());
pub static OTHER_RSA: LazyLock<Key> =
    LazyLock::new(|| Key::rsa(&RsaPrivateKey::new(&mut OsRng, 2048).unwrap()));

impl Key {
    pub fn rsa(key: &RsaPrivateKey) -> Self {
        let signing = EncodingKey::from_rsa_der(key.to_pkcs1_der().unwrap().as_bytes());
        Key { algorithm: Algorithm::RS256, signing }
    }

    pub fn ec() -> Self {
        let key = p256::SecretKey::random(&mut OsRng).to_pkcs8_der().unwrap();
        Key { algorithm: Algorithm::ES256, signing: EncodingKey::from_ec_der(key.as_bytes()) }
    }

    pub fn ed() -> Self {
        let key = ed25519_dalek::SigningKey::generate(&mut OsRng);
        // Version 1 of PKCS#8, without the public key.
        let key =
            ed25519_dalek::pkcs8::KeypairBytes { secret_key: key.to_bytes(), public_key: None };
        let key = key.to_pkcs8_der().unwrap();
        Key { algorithm: Algorithm::EdDSA, signing: EncodingKey::from_ed_der(key.as_bytes()) }
    }

    /// As it appears in a JWKS.
    pub fn public(&self, id: &str) -> Value {
        let mut key =
            serde_json::to_value(Jwk::from_encoding_key(&self.signing, self.algorithm).unwrap())
                .unwrap();
        key["kid"] = id.into();
        key["use"] = "sig".into();
        key
    }

    pub fn sign(&self, id: Option<&str>, claims: &Value) -> String {
        self.sign_with(Header { kid: id.map(str::to_owned), ..Header::new(self.algorithm) }, claims)
    }

    pub fn sign_with(&self, header: Header, claims: &Value) -> String {
        jsonwebtoken::encode(&header, claims, &self.signing).unwrap()
    }
}

pub fn jwks(keys: &[Value]) -> Value {
    json!({"keys": keys})
}

/// Serves one JWKS on loopback, and counts the requests.
#[derive(Clone)]
pub struct Provider {
    pub url: String,
    inner: Arc<Inner>,
}

struct Inner {
    answer: Mutex<(StatusCode, String)>,
    requests: watch::Sender<usize>,
}

impl Provider {
    pub async fn start(keys: &[Value]) -> Self {
        let answer = Mutex::new((StatusCode::OK, jwks(keys).to_string()));
        let inner = Arc::new(Inner { answer, requests: watch::Sender::new(0) });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        let router = Router::new().route("/jwks", get(answer_with_keys)).with_state(inner.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        Provider { url, inner }
    }

    pub fn publish(&self, keys: &[Value]) {
        self.answer(StatusCode::OK, jwks(keys).to_string());
    }

    pub fn answer(&self, status: StatusCode, body: String) {
        *self.inner.answer.lock().unwrap() = (status, body);
    }

    pub fn requests(&self) -> usize {
        *self.inner.requests.borrow()
    }

    /// Returns after this many requests.
    pub async fn asked(&self, times: usize) {
        self.inner.requests.subscribe().wait_for(|requests| *requests >= times).await.unwrap();
    }
}

async fn answer_with_keys(State(provider): State<Arc<Inner>>) -> impl IntoResponse {
    let answer = provider.answer.lock().unwrap().clone();
    provider.requests.send_modify(|requests| *requests += 1);
    // A redirect leads to somebody else's keys, which must not be requested.
    (answer.0, [("location", "/elsewhere")], answer.1)
}

/// Serves a JWKS over TLS. Returns the URL and the certificate, as PEM.
pub async fn over_tls(keys: &[Value]) -> (String, String) {
    let tls = Tls::listen().await;
    let (url, certificate) = (format!("{}/jwks", tls.url()), tls.certificate.clone());
    let body = jwks(keys).to_string();
    let router = Router::new().route("/jwks", get(async move || body.clone()));
    tokio::spawn(axum::serve(tls, router).into_future());
    (url, certificate)
}
