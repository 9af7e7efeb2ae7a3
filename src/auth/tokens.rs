//! Proves tokens, and makes them.
//!
//! The algorithm in a token's header decides who may have signed it: HS256 a shared secret, the allowed others a public key
//! of the JWKS. No key is ever tried with an algorithm of the other kind: a token that is signed with HS256 and a public key
//! as the secret is just a token with a wrong secret.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};

use super::{Claims, Role, jwks::Jwks, keys, rules::Rules};
use crate::{
    clock::Clock,
    config::{Config, MIN_SECRET_BYTES},
    error::{Error, Result},
};

/// One answer for every kind of forgery: it teaches nothing.
pub const INVALID: Error = Error::Unauthenticated("the token is not valid");
/// Clients get a fresh one then.
pub const EXPIRED: Error = Error::Unauthenticated("the token has expired");
/// Bytes. Ours have 200; those of providers with many groups, thousands.
const LONGEST_TOKEN: usize = 16 * 1024;

/// The keys that tokens are proved with, and what tokens have to say.
pub struct Auth {
    rules: Rules,
    secrets: Vec<DecodingKey>,
    /// None: there are public keys only.
    signing: Option<EncodingKey>,
    jwks: Option<Arc<Jwks>>,
    allowed: Vec<Algorithm>,
}

impl Auth {
    /// By the settings, with the secret that signs.
    pub fn open(config: &Config, secret: Option<&str>) -> Result<Self> {
        let allowed = keys::allowed(&config.auth_algorithms)?;
        let jwks = config
            .auth_jwks
            .as_deref()
            .map(|place| Jwks::open(place, allowed.clone()))
            .transpose()?;
        let accepted =
            config.auth_secrets_accepted.iter().map(|secret| ("auth_secrets_accepted", &**secret));
        let secrets = secret.map(|secret| ("auth_secret", secret)).into_iter().chain(accepted);
        Ok(Auth {
            rules: Rules::new(config)?,
            secrets: secrets
                .map(|(setting, secret)| proving(setting, secret))
                .collect::<Result<_>>()?,
            signing: secret.map(|secret| EncodingKey::from_secret(secret.as_bytes())),
            jwks: jwks.map(Arc::new),
            allowed,
        })
    }

    /// With one secret, and otherwise the default settings.
    pub fn new(secret: &str) -> Result<Self> {
        Auth::open(&Config::default(), Some(secret))
    }

    /// The claims of a token that is ours and not over.
    pub async fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Claims> {
        if token.len() > LONGEST_TOKEN {
            return Err(INVALID);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| INVALID)?;
        // RFC 7515, section 4.1.11: extensions that have to be understood, and we know none.
        if header.crit.is_some() {
            return Err(INVALID);
        }
        let proved = match (header.alg, &self.jwks) {
            (Algorithm::HS256, _) => {
                let validation = self.rules.validation(header.alg);
                let claims = |secret| jsonwebtoken::decode(token, secret, &validation).ok();
                self.secrets
                    .iter()
                    .find_map(claims)
                    .and_then(|token| self.rules.read(&token.claims))
            }
            (algorithm, Some(jwks)) if self.allowed.contains(&algorithm) => {
                let id = header.kid.as_deref();
                jwks.keys_for(id, now).await?.prove(token, id, algorithm, &self.rules)
            }
            _ => None,
        };
        proved.ok_or(INVALID)?.at(now)
    }

    /// Reads the public keys whenever it is time to. Ends only where there are none.
    pub async fn keep_keys_fresh(&self, clock: &Clock) {
        let Some(jwks) = &self.jwks else { return };
        loop {
            let next = jwks.refresh(clock.now()).await;
            clock.sleep_until(Some(next)).await;
        }
    }

    /// A token for somebody, valid until `expires`.
    pub fn issue(&self, sub: &str, role: Role, expires: DateTime<Utc>) -> Result<String> {
        let why =
            "is not set, and so there is nothing to sign with: auth_jwks has public keys only";
        let signing = self.signing.as_ref().ok_or_else(|| Error::invalid("auth_secret", why))?;
        let claims =
            self.rules.write(&Claims { sub: sub.into(), role, exp: expires.timestamp() })?;
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, signing)
            .map_err(|error| Error::internal(error))
    }
}

fn proving(setting: &str, secret: &str) -> Result<DecodingKey> {
    match secret.len() < MIN_SECRET_BYTES {
        true => Err(Error::invalid(setting, format!("has at least {MIN_SECRET_BYTES} bytes"))),
        false => Ok(DecodingKey::from_secret(secret.as_bytes())),
    }
}
