//! Who calls: a bearer token (JWT) becomes [`Claims`], and `users::sign_in` makes an [`Actor`] of them.
//!
//! - `tokens`: proves tokens, and makes them.
//! - `rules`: what a token has to say, and how its claims become ours.
//! - `keys`: the public keys of an identity provider. `jwks`, `source`: keeping them fresh, and where they come from.

mod jwks;
mod keys;
mod rules;
mod source;
mod tokens;

use std::sync::Arc;

use ::entity::{message::Reader, user};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use self::tokens::Auth;
use crate::error::{Error, Result};

/// The longest subject of a token, and id that a host may give to a person.
pub const LONGEST_SUBJECT: usize = 255;

/// What a caller may do at all; what they may see follows from who they are.
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

/// What a token says, once its signature is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The host's id of the person, or a name for the service.
    pub sub: String,
    pub role: Role,
    /// When it expires here, with the leeway; seconds since 1970.
    pub exp: i64,
}

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
    /// The admin who acts for somebody else, if they are known as a person. They have to be welcome, too.
    pub behind: Option<i64>,
    /// When the token expires.
    pub expires: DateTime<Utc>,
}

impl Actor {
    /// The person, for what only a person has: an inbox, a reply.
    pub fn person(&self) -> Result<&user::Model> {
        self.user
            .as_deref()
            .ok_or_else(|| Error::invalid("act-as", "a service names the person for whom it acts"))
    }

    pub fn user_id(&self) -> Option<i64> {
        self.user.as_ref().map(|user| user.id)
    }

    /// The host application, or an admin.
    pub fn require_host(&self) -> Result<()> {
        if self.is_host() { Ok(()) } else { Err(Error::Forbidden) }
    }

    pub fn is_host(&self) -> bool {
        self.role >= Role::Service
    }

    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }

    /// Whether this is the person themself, or somebody who may see what is private to them.
    pub fn may_see_private(&self, user: i64) -> bool {
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

    /// Which announcements, activities and targets exist for this caller: they are the host application's, which sees all of
    /// them, also when it acts for somebody.
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
