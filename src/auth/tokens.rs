//! Verifies tokens and creates them.
//!
//! The algorithm in a token's header determines who may have signed it: for HS256 a shared secret,
//! for the other allowed algorithms a public key of the JWKS. A key is never tried with an
//! algorithm of the other kind, so a token signed with HS256 and a public key as the secret is just
//! a token with a wrong secret.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};

use super::{
    Claims, Role,
    jwks::Jwks,
    keys,
    remembered::Remembered,
    rules::{INVALID, Rules},
};
use crate::{
    clock::Clock,
    config::{Config, MIN_SECRET_BYTES},
    error::{Error, Result},
};

/// In bytes. Our tokens have 200; those of providers with many groups, thousands.
const LONGEST_TOKEN: usize = 16 * 1024;

/// The keys that verify tokens, and the rules for their contents.
pub struct Auth {
    rules: Rules,
    secrets: Vec<DecodingKey>,
    /// What one of the secrets has signed.
    remembered: Remembered,
    /// None if there are only public keys.
    signing: Option<EncodingKey>,
    jwks: Option<Arc<Jwks>>,
    allowed: Vec<Algorithm>,
}

impl Auth {
    /// From the settings, with the secret to sign with.
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
            remembered: Remembered::default(),
            signing: secret.map(|secret| EncodingKey::from_secret(secret.as_bytes())),
            jwks: jwks.map(Arc::new),
            allowed,
        })
    }

    /// With one secret and otherwise the default settings.
    pub fn new(secret: &str) -> Result<Self> {
        Auth::open(&Config::default(), Some(secret))
    }

    /// The claims of a token, if it is valid and has not expired.
    pub async fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Claims> {
        if token.len() > LONGEST_TOKEN {
            return Err(INVALID);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| INVALID)?;
        // RFC 7515, section 4.1.11: these extensions must be understood, and this server knows
        // none.
        if header.crit.is_some() {
            return Err(INVALID);
        }
        let proved = match (header.alg, &self.jwks) {
            (Algorithm::HS256, _) => self.remembered.or_verify(token, || {
                let validation = self.rules.validation(header.alg);
                let claims = |secret| jsonwebtoken::decode(token, secret, &validation).ok();
                let token = self.secrets.iter().find_map(claims)?;
                self.rules.read(&token.claims)
            }),
            (algorithm, Some(jwks)) if self.allowed.contains(&algorithm) => {
                let id = header.kid.as_deref();
                jwks.keys_for(id, now).await?.prove(token, id, algorithm, &self.rules)
            }
            _ => None,
        };
        proved.ok_or(INVALID)?.at(now)
    }

    /// Reads the public keys whenever they are due. Returns only if there are none to read.
    pub async fn keep_keys_fresh(&self, clock: &Clock) {
        let Some(jwks) = &self.jwks else { return };
        loop {
            let next = jwks.refresh(clock.now()).await;
            clock.sleep_until(Some(next)).await;
        }
    }

    /// How many public keys can be read now; None if none are configured.
    pub async fn public_keys(&self) -> Result<Option<usize>> {
        match &self.jwks {
            Some(jwks) => jwks.count().await.map(Some),
            None => Ok(None),
        }
    }

    /// Creates a token, valid until `expires`.
    pub fn issue(&self, sub: &str, role: Role, expires: DateTime<Utc>) -> Result<String> {
        let why = "is not set, so there is nothing to sign with: auth_jwks has only public keys";
        let signing = self.signing.as_ref().ok_or_else(|| Error::invalid("auth_secret", why))?;
        let claims =
            self.rules.write(&Claims { sub: sub.into(), role, exp: expires.timestamp() })?;
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, signing)
            .map_err(|error| Error::internal(error))
    }
}

fn proving(setting: &str, secret: &str) -> Result<DecodingKey> {
    match secret.len() < MIN_SECRET_BYTES {
        true => {
            Err(Error::invalid(setting, format!("must have at least {MIN_SECRET_BYTES} bytes")))
        }
        false => Ok(DecodingKey::from_secret(secret.as_bytes())),
    }
}
