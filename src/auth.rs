//! Who calls: a bearer token (JWT) becomes [`Claims`], from which `users::sign_in` makes an
//! [`Actor`].
//!
//! - `tokens`: verifies tokens and creates them.
//! - `rules`: what a token must contain, and how its claims map to ours.
//! - `keys`: the public keys of an identity provider. `jwks`, `source`: how they are kept fresh,
//!   and where they come from.
//! - `remembered`: the tokens that were valid, so that each is verified once.

mod jwks;
mod keys;
mod remembered;
mod rules;
mod source;
mod tokens;

use std::sync::Arc;

use ::entity::{id::UserId, message::Reader, user};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::tokens::Auth;
use crate::error::{Error, Result};

/// For a request without a token that needs one.
pub const NEEDS_TOKEN: Error =
    Error::Unauthenticated("this needs a token: Authorization: Bearer <token>");

/// The greatest length of a token's subject, and of the id that a host may give to a person.
pub const LONGEST_SUBJECT: usize = 255;

/// What a caller may do. What they may see depends on who they are.
#[derive(
    async_graphql::Enum,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A person.
    User,
    /// The host application.
    Service,
    /// A person who may see and change everything.
    Admin,
}

/// The contents of a token whose signature has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The host's id of the person, or a name for the service.
    pub sub: String,
    pub role: Role,
    /// When this server considers it expired, leeway included; in seconds since 1970.
    pub exp: i64,
}

/// The token of an `Authorization: Bearer …` header.
pub fn bearer(header: &str) -> Result<&str> {
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Error::Unauthenticated("the header must be: Authorization: Bearer <token>")),
    }
}

/// The caller, and the person they act for.
#[derive(Clone, Debug)]
pub struct Actor {
    pub role: Role,
    /// The token's subject: a person's external id, or a service's name.
    pub subject: String,
    /// The person who acts, or for whom a service or admin acts (`act-as`). None: the host
    /// application itself.
    pub user: Option<Arc<user::Model>>,
    /// The admin who acts for somebody else, if they are known as a person. They must be active,
    /// too.
    pub behind: Option<UserId>,
    /// When the token expires.
    pub expires: DateTime<Utc>,
}

impl Actor {
    /// The person, for what only people have or do: an inbox, a reply.
    pub fn person(&self) -> Result<&user::Model> {
        self.user.as_deref().ok_or_else(|| {
            Error::invalid("act-as", "a service must name the person for whom it acts")
        })
    }

    pub fn user_id(&self) -> Option<UserId> {
        self.user.as_ref().map(|user| user.id)
    }

    /// The person's number, for the log.
    pub fn in_log(&self) -> Option<i64> {
        self.user_id().map(|user| user.0)
    }

    /// Requires the host application or an admin.
    pub fn require_host(&self) -> Result<()> {
        if self.is_host() { Ok(()) } else { Err(Error::Forbidden) }
    }

    pub fn is_host(&self) -> bool {
        self.role >= Role::Service
    }

    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }

    /// Whether the caller is this person, or may see what is private to them.
    pub fn may_see_private(&self, user: UserId) -> bool {
        self.is_host() || self.user_id() == Some(user)
    }

    /// Which messages exist for this caller.
    pub fn reader(&self) -> Reader {
        match (self.role, &self.user) {
            (Role::Admin, _) => Reader::Everything,
            (_, Some(user)) => Reader::User(user.id),
            (_, None) => Reader::System,
        }
    }

    /// Which announcements, activities and targets exist for this caller. They belong to the host
    /// application, which sees all of them even when it acts for somebody.
    pub fn host_reader(&self) -> Reader {
        if self.is_host() { Reader::Everything } else { self.reader() }
    }

    /// Whom an idempotency key belongs to.
    pub fn caller(&self) -> String {
        match &self.user {
            Some(user) => format!("user:{}", user.id),
            None => format!("service:{}", self.subject),
        }
    }
}
