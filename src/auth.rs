//! Who calls: a bearer token (JWT, HS256) becomes claims, and `users::sign_in` makes an [`Actor`] of them.
//!
//! A token has `sub` (the host's id of the person or service), `role`, `exp` and `aud` = `tidings`. All four are
//! required: jsonwebtoken alone would accept a token without `aud`.

use std::sync::Arc;

use ::entity::{message::Reader, user};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

const AUDIENCE: &str = "tidings";

/// What a caller may do at all; what they may see follows from who they are.
#[derive(async_graphql::Enum, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A person.
    User,
    /// The host application.
    Service,
    /// A person who may see and change everything.
    Admin,
}

/// What a token says, once its signature is proved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    pub sub: String,
    pub role: Role,
    /// Seconds since 1970.
    pub exp: i64,
    pub aud: String,
}

/// The keys that tokens are proved with.
pub struct Auth {
    decoding: DecodingKey,
    encoding: EncodingKey,
    validation: Validation,
}

impl Auth {
    pub fn new(secret: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        // Compared below with the server's clock, which tests can move.
        validation.validate_exp = false;
        Auth {
            decoding: DecodingKey::from_secret(secret.as_bytes()),
            encoding: EncodingKey::from_secret(secret.as_bytes()),
            validation,
        }
    }

    /// The claims of a token that is ours and not over.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Claims> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| INVALID)?;
        let critical = header.crit.is_some();
        let claims: Claims = match jsonwebtoken::decode(token, &self.decoding, &self.validation) {
            Ok(proved) if !critical => proved.claims,
            _ => return Err(INVALID),
        };
        match claims.exp > now.timestamp() {
            true if !claims.sub.is_empty() => Ok(claims),
            true => Err(INVALID),
            false => Err(Error::Unauthenticated("the token has expired")),
        }
    }

    /// A token for somebody, valid until `expires`.
    pub fn issue(&self, sub: &str, role: Role, expires: DateTime<Utc>) -> Result<String> {
        let claims = Claims { sub: sub.into(), role, exp: expires.timestamp(), aud: AUDIENCE.into() };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(Error::internal)
    }
}

/// One answer for every kind of forgery: it teaches nothing.
const INVALID: Error = Error::Unauthenticated("the token is not valid");

/// The token of an `Authorization: Bearer …` header.
pub fn bearer(header: &str) -> Result<&str> {
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Error::Unauthenticated("the header is: Authorization: Bearer <token>")),
    }
}

/// Who calls, and for whom.
#[derive(Clone, Debug)]
pub struct Actor {
    pub role: Role,
    /// The token's subject: a person's external id, or a service's name.
    pub subject: String,
    /// The person who acts, or for whom a service or admin acts (`act-as`). None: the host application itself.
    pub user: Option<Arc<user::Model>>,
    /// When the token ends.
    pub expires: DateTime<Utc>,
}

impl Actor {
    /// The person, for what only a person has: an inbox, a reply.
    pub fn person(&self) -> Result<&user::Model> {
        self.user.as_deref().ok_or_else(|| Error::invalid("act-as", "a service names the person for whom it acts"))
    }

    pub fn user_id(&self) -> Option<i64> {
        self.user.as_ref().map(|user| user.id)
    }

    /// The host application, or an admin.
    pub fn require_service(&self) -> Result<()> {
        if self.is_service() { Ok(()) } else { Err(Error::Forbidden) }
    }

    pub fn is_service(&self) -> bool {
        self.role >= Role::Service
    }

    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }

    /// Whether this is the person themself, or somebody who may see what is private to them.
    pub fn may_see_private(&self, user: i64) -> bool {
        self.is_service() || self.user_id() == Some(user)
    }

    /// Which messages exist for this caller.
    pub fn reader(&self) -> Reader {
        match (self.role, &self.user) {
            (Role::Admin, _) => Reader::Everything,
            (_, Some(user)) => Reader::User(user.id),
            (_, None) => Reader::System,
        }
    }

    /// Whom an idempotency key belongs to.
    pub fn caller(&self) -> String {
        match &self.user {
            Some(user) => format!("user:{}", user.id),
            None => format!("service:{}", self.subject),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a secret of thirty-two bytes....";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn signed(secret: &str, algorithm: Algorithm, claims: serde_json::Value) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    #[test]
    fn a_token_is_good_until_it_expires() {
        let auth = Auth::new(SECRET);
        let token = auth.issue("alice", Role::User, at(100)).unwrap();
        assert_eq!(auth.verify(&token, at(99)).unwrap().sub, "alice");
        assert_eq!(auth.verify(&token, at(100)).unwrap_err(), Error::Unauthenticated("the token has expired"));
    }

    #[test]
    fn forged_and_incomplete_tokens_are_refused() {
        let auth = Auth::new(SECRET);
        let good = serde_json::json!({"sub": "alice", "role": "user", "exp": 100, "aud": "tidings"});
        let without = |claim: &str| {
            let mut claims = good.clone();
            claims.as_object_mut().unwrap().remove(claim);
            signed(SECRET, Algorithm::HS256, claims)
        };
        let mut other_audience = good.clone();
        other_audience["aud"] = "mail".into();
        assert!(auth.verify(&signed(SECRET, Algorithm::HS256, good.clone()), at(1)).is_ok());
        for token in [
            signed("another secret of 32 bytes......", Algorithm::HS256, good.clone()),
            signed(SECRET, Algorithm::HS512, good.clone()),
            signed(SECRET, Algorithm::HS256, other_audience),
            without("sub"),
            without("role"),
            without("exp"),
            without("aud"),
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.".to_owned(),
            "nonsense".to_owned(),
        ] {
            assert_eq!(auth.verify(&token, at(1)).unwrap_err(), INVALID);
        }
    }
}
