//! Everything that can go wrong, as the caller hears of it. `graphql` turns it into `extensions.code`.
//!
//! It has no `Display` on purpose: async-graphql would print anything that has one, SQL included, to clients.

use sea_orm::{DbErr, RuntimeErr, sqlx};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Who calls is not known, or no longer welcome. The text says what is wrong with the token.
    Unauthenticated(&'static str),
    /// The caller is known, and this is not for their role.
    Forbidden,
    /// It does not exist, or the caller may not know that it does. Names the kind of thing.
    NotFound(&'static str),
    /// An input that cannot be right; `field` is its path in the mutation's input or the arguments.
    Invalid { field: String, message: String },
    /// Right in itself, and not possible in the present state.
    Conflict(String),
    /// The key was used with another input.
    IdempotencyKeyReused,
    /// More of something than the server allows.
    LimitExceeded(String),
    /// The database cannot be reached, or asked to try again. Nothing was changed.
    Unavailable(String),
    /// A defect. The text is for the log only.
    Internal(String),
}

impl Error {
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Invalid { field: field.into(), message: message.into() }
    }

    pub fn internal(cause: impl std::fmt::Debug) -> Self {
        Error::Internal(format!("{cause:?}"))
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if is_passing(&error) { Error::Unavailable(error.to_string()) } else { Error::Internal(error.to_string()) }
    }
}

/// Whether the same request can succeed later: no connection, a server that stops, a deadlock's victim.
fn is_passing(error: &DbErr) -> bool {
    let cause = match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => return true,
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => cause,
        _ => return false,
    };
    match cause.as_ref() {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        // PostgreSQL: connection exception, rollback (deadlock), insufficient resources, operator intervention.
        sqlx::Error::Database(cause) => cause.code().is_some_and(|code| {
            ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class) && code.len() == 5)
        }),
        _ => false,
    }
}
