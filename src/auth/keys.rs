//! The public keys of an identity provider (a JWKS, RFC 7517).
//!
//! A key verifies tokens with the algorithms that fit its type and curve, agree with its `alg`, and
//! are allowed. Keys for other purposes, and unreadable ones, are left out without affecting the
//! others. A shared secret is never accepted from here: anyone who can read these keys could sign
//! with it.
//!
//! The tokens that a key has verified are remembered here, so that they go when the keys change.

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind, Validation,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    remembered::Remembered,
    rules::{Proved, Rules},
};
use crate::error::Error;

/// RFC 7518, section 3.3: shorter keys must not be used.
const FEWEST_RSA_BITS: usize = 2048;
/// The largest key that the `rsa` crate supports.
const MOST_RSA_BITS: usize = 4096;
const ED25519_BYTES: usize = 32;
const RSA: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

#[derive(Default)]
pub struct Keys {
    keys: Vec<Key>,
    remembered: Remembered,
}

struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct Document {
    /// Each key is parsed separately, so that an unreadable one does not spoil the others.
    keys: Vec<Value>,
}

impl Keys {
    /// The keys that can verify tokens. The error says what is wrong with the document as a whole.
    pub fn parse(document: &[u8], allowed: &[Algorithm]) -> Result<Self, &'static str> {
        let document: Document =
            serde_json::from_slice(document).map_err(|_| "it is not a JWKS")?;
        let mut keys = Vec::with_capacity(document.keys.len());
        for key in document.keys {
            let id = key.get("kid").and_then(Value::as_str).map(str::to_owned);
            match Key::parse(key, allowed) {
                Ok(key) => keys.push(key),
                // The id is public, and tells the operator which key to fix. It may contain
                // anything: hence the `?`.
                Err(reason) => tracing::warn!(kid = ?id, reason, "a key of the JWKS was ignored"),
            }
        }
        Ok(Keys { keys, remembered: Remembered::default() })
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is a key that a token with this `kid`, or without one, can refer to.
    pub fn know(&self, id: Option<&str>) -> bool {
        self.keys.iter().any(|key| key.is_meant(id))
    }

    /// The claims of a token that one of the keys has signed and that the rules accept. Several
    /// keys may share an id, and a token without an id may belong to any of them.
    pub fn prove(
        &self,
        token: &str,
        id: Option<&str>,
        algorithm: Algorithm,
        rules: &Rules,
    ) -> Option<Proved> {
        self.remembered.or_verify(token, || {
            let validation = rules.validation(algorithm);
            self.claims(token, id, algorithm, &validation).and_then(|claims| rules.read(&claims))
        })
    }

    fn claims(
        &self,
        token: &str,
        id: Option<&str>,
        algorithm: Algorithm,
        validation: &Validation,
    ) -> Option<Value> {
        let suits = |key: &&Key| key.is_meant(id) && key.algorithms.contains(&algorithm);
        let proved = |key: &Key| jsonwebtoken::decode(token, &key.key, validation).ok();
        self.keys.iter().filter(suits).find_map(proved).map(|token| token.claims)
    }
}

impl Key {
    fn is_meant(&self, id: Option<&str>) -> bool {
        id.is_none() || self.id.as_deref() == id
    }

    fn parse(key: Value, allowed: &[Algorithm]) -> Result<Self, &'static str> {
        let jwk: Jwk = serde_json::from_value(key).map_err(|_| "it cannot be read")?;
        if jwk
            .common
            .public_key_use
            .as_ref()
            .is_some_and(|purpose| *purpose != PublicKeyUse::Signature)
        {
            return Err("it is not a signature key");
        }
        if jwk
            .common
            .key_operations
            .as_ref()
            .is_some_and(|all| !all.contains(&KeyOperations::Verify))
        {
            return Err("it is not for verifying");
        }
        let mut algorithms: Vec<Algorithm> = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => RSA.to_vec(),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                vec![Algorithm::ES256]
            }
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => {
                vec![Algorithm::ES384]
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                vec![Algorithm::EdDSA]
            }
            AlgorithmParameters::OctetKey(_) => return Err("a secret is not a public key"),
            _ => return Err("its type or curve is unknown"),
        };
        if let Some(only) = jwk.common.key_algorithm {
            algorithms.retain(|algorithm| Algorithm::try_from(only) == Ok(*algorithm));
        }
        algorithms.retain(|algorithm| allowed.contains(algorithm));
        let Some(any) = algorithms.first() else { return Err("its algorithm is not allowed") };
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| "it cannot be read")?;
        check(&key, *any)?;
        Ok(Key { id: jwk.common.key_id, algorithms, key })
    }
}

/// jsonwebtoken checks a key only when it verifies a token, and panics on an Ed25519 key that is
/// too short.
fn check(key: &DecodingKey, algorithm: Algorithm) -> Result<(), &'static str> {
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, .. } => {
            let bits = n.iter().skip_while(|byte| **byte == 0).count() * 8;
            match (FEWEST_RSA_BITS..=MOST_RSA_BITS).contains(&bits) {
                true => Ok(()),
                false => Err("an RSA key has 2048 to 4096 bits"),
            }
        }
        DecodingKeyKind::SecretOrDer(bytes)
            if algorithm == Algorithm::EdDSA && bytes.len() != ED25519_BYTES =>
        {
            Err("an Ed25519 key has 32 bytes")
        }
        DecodingKeyKind::SecretOrDer(_) => {
            let usable = jsonwebtoken::crypto::verify("", b"", key, algorithm);
            usable.map(drop).map_err(|_| "it is not a point of its curve")
        }
    }
}

/// The algorithms that public keys may have.
pub fn allowed(algorithms: &[Algorithm]) -> Result<Vec<Algorithm>, Error> {
    let secret = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    if algorithms.is_empty() || algorithms.iter().any(|algorithm| secret.contains(algorithm)) {
        let why = "must be some of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and \
                   EdDSA; HS256 is for auth_secret";
        return Err(Error::invalid("auth_algorithms", why));
    }
    Ok(algorithms.to_vec())
}
