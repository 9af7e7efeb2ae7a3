//! Errors as clients see them: a message for a person, `extensions.code` for a program,
//! `extensions.field` for a form.

use async_graphql::{Response, ServerError, Value};
use rand::Rng;

use super::code::ErrorCode;
use crate::error::Error;

/// What a client sees of an error: a code from the closed list, a text without secrets, and the
/// field of the input.
pub struct Answer {
    pub code: ErrorCode,
    pub message: String,
    pub field: Option<String>,
}

/// The most bytes of an error's message: some errors quote an entire value.
const LONGEST_MESSAGE: usize = 500;
/// After how many seconds to retry what is UNAVAILABLE.
const RETRY_AFTER: u64 = 1;

/// The one place that decides what clients see. Defects are logged here, once, with an id that the
/// client gets instead.
pub fn answer(error: Error) -> Answer {
    let (code, message, field) = match error {
        Error::Unauthenticated(message) => (ErrorCode::Unauthenticated, message.to_owned(), None),
        Error::TokenExpired => {
            (ErrorCode::Unauthenticated, "the token has expired".to_owned(), None)
        }
        Error::Deactivated { for_silence: false } => {
            (ErrorCode::Deactivated, "this user is deactivated".to_owned(), None)
        }
        Error::Deactivated { for_silence: true } => (
            ErrorCode::DeactivatedNoReply,
            "this user is deactivated: they did not reply to a message in time; an admin can \
             reactivate them"
                .to_owned(),
            None,
        ),
        Error::Forbidden => {
            (ErrorCode::Forbidden, "your role does not allow this".to_owned(), None)
        }
        Error::NotFound(noun) => (ErrorCode::NotFound, format!("there is no such {noun}"), None),
        Error::Invalid { field, message } => {
            (ErrorCode::BadUserInput, format!("{field}: {message}"), Some(field))
        }
        Error::Conflict(message) => (ErrorCode::Conflict, message, None),
        Error::IdempotencyKeyReused => (
            ErrorCode::IdempotencyKeyReused,
            "this key was already used with a different input".to_owned(),
            Some("idempotencyKey".to_owned()),
        ),
        Error::LimitExceeded(message) => (ErrorCode::LimitExceeded, message, None),
        Error::Unavailable(cause) => {
            tracing::warn!(cause, "unavailable");
            (ErrorCode::Unavailable, "the server cannot do this now; try again".to_owned(), None)
        }
        Error::Internal(defect) => {
            let id = format!("{:08x}", rand::rng().random::<u32>());
            tracing::error!(id, cause = defect.cause(), place = defect.place(), "internal error");
            (
                ErrorCode::InternalServerError,
                format!("something went wrong; the server's log has the details under {id}"),
                None,
            )
        }
    };
    Answer { code, message, field }
}

/// Whether the request could not be executed at all. An error from the execution has a path.
pub fn is_refused(response: &Response) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// Whether a client would miss something with this update of a subscription, because the database
/// did not answer or a defect left nothing of it. The subscription must then end, so that the
/// client reconnects with its last cursor.
pub fn is_lost(update: &Response) -> bool {
    let has = |wanted: ErrorCode| {
        let code = |error: &ServerError| {
            error.extensions.as_ref().and_then(|known| known.get("code").cloned())
        };
        update.errors.iter().any(|error| code(error) == Some(Value::from(wanted.name())))
    };
    has(ErrorCode::Unavailable)
        || (update.data == Value::Null && has(ErrorCode::InternalServerError))
}

impl From<Error> for async_graphql::Error {
    fn from(error: Error) -> Self {
        let Answer { code, message, field } = answer(error);
        let ServerError { message, mut extensions, .. } = refusal(message, code);
        if let Some(field) = field {
            extensions.get_or_insert_default().set("field", field);
        }
        async_graphql::Error { message, source: None, extensions }
    }
}

/// An error with its code. A temporary one says when to retry.
pub fn refusal(message: impl Into<String>, code: ErrorCode) -> ServerError {
    let mut error = with_code(ServerError::new(message, None), code);
    if code == ErrorCode::Unavailable {
        error = retried_after(error, RETRY_AFTER);
    }
    error
}

/// An error from a library, shortened and with one of our codes.
pub fn with_code(mut error: ServerError, code: ErrorCode) -> ServerError {
    shorten(&mut error.message);
    error.extensions.get_or_insert_default().set("code", code.name());
    error
}

/// An error with its code, and the number of seconds after which to retry.
pub fn retried_after(mut error: ServerError, seconds: u64) -> ServerError {
    error.extensions.get_or_insert_default().set("retryAfter", seconds);
    error
}

/// The longest delay that any of these errors asks a client for.
pub fn retry_after(errors: &[ServerError]) -> Option<u64> {
    let seconds = |error: &ServerError| match error.extensions.as_ref()?.get("retryAfter")? {
        Value::Number(seconds) => seconds.as_u64(),
        _ => None,
    };
    errors.iter().filter_map(seconds).max()
}

pub fn shorten(message: &mut String) {
    message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
}
