//! The codes of errors: the closed list that clients are written against.

use async_graphql::{Enum, resolver_utils::EnumType};

/// What went wrong, for programs: `extensions.code` of an error. The list is closed: a new code is
/// announced in the changelog.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// There is no token, it is invalid, or it has expired.
    Unauthenticated,
    /// The person is deactivated: no token of theirs is accepted until they are reactivated.
    Deactivated,
    /// The same, because they did not reply in time to a message that required it.
    DeactivatedNoReply,
    /// The caller's role does not allow this. With trusted documents: the text is not one of them.
    Forbidden,
    /// It does not exist for this caller.
    NotFound,
    /// An input is invalid; `extensions.field` is its path.
    BadUserInput,
    /// The input is valid, but not possible in the current state.
    Conflict,
    /// The idempotency key was already used with a different input.
    IdempotencyKeyReused,
    /// The request is too large, or there are too many operations or sockets at the same time.
    LimitExceeded,
    /// There were too many operations in a minute; try again after `extensions.retryAfter` seconds.
    RateLimited,
    /// The server does not know this document; send its text.
    PersistedQueryNotFound,
    /// The query is not GraphQL.
    GraphqlParseFailed,
    /// The query does not fit the schema.
    GraphqlValidationFailed,
    /// The query is too deep, too long, or would load too much; the message says what.
    QueryTooComplex,
    /// The answer would exceed the size limit; ask for shorter pages, or fewer texts. A mutation has
    /// taken effect.
    AnswerTooLarge,
    /// The database or the identity provider does not answer, or the server is overloaded; try again
    /// after `extensions.retryAfter` seconds.
    Unavailable,
    /// A defect; the message has an id, under which the cause is in the server's log.
    InternalServerError,
}

impl ErrorCode {
    /// As it stands in the schema and in answers: `NOT_FOUND`.
    pub fn name(self) -> &'static str {
        let mut items = Self::items().iter();
        items.find(|item| item.value == self).map_or("", |item| item.name)
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = ErrorCode> {
        Self::items().iter().map(|item| item.value)
    }
}
