//! Errors as clients see them: a message for a person, `extensions.code` for a program, `extensions.field` for a form.

use async_graphql::{Response, ServerError, Value};
use rand::Rng;

use crate::error::Error;

/// What a client hears of an error: the code of the closed list, a text without secrets, and the input's field.
pub struct Answer {
    pub code: &'static str,
    pub message: String,
    pub field: Option<String>,
}

/// Bytes of an error's message: some say the whole of a value.
const LONGEST_MESSAGE: usize = 500;
/// Seconds after which it makes sense to try again what is UNAVAILABLE.
const RETRY_AFTER: u64 = 1;

/// The one place that decides what is said. Defects are logged here, once, under an id that the client gets instead.
pub fn answer(error: Error) -> Answer {
    let (code, message, field) = match error {
        Error::Unauthenticated(message) => ("UNAUTHENTICATED", message.to_owned(), None),
        Error::Forbidden => ("FORBIDDEN", "this is not for your role".to_owned(), None),
        Error::NotFound(noun) => ("NOT_FOUND", format!("there is no such {noun}"), None),
        Error::Invalid { field, message } => {
            ("BAD_USER_INPUT", format!("{field}: {message}"), Some(field))
        }
        Error::Conflict(message) => ("CONFLICT", message, None),
        Error::IdempotencyKeyReused => (
            "IDEMPOTENCY_KEY_REUSED",
            "this key was used with another input".to_owned(),
            Some("idempotencyKey".to_owned()),
        ),
        Error::LimitExceeded(message) => ("LIMIT_EXCEEDED", message, None),
        Error::Unavailable(cause) => {
            tracing::warn!(cause, "unavailable");
            ("UNAVAILABLE", "the server cannot do this now; try again".to_owned(), None)
        }
        Error::Internal(defect) => {
            let id = format!("{:08x}", rand::rng().random::<u32>());
            tracing::error!(id, cause = defect.cause(), place = defect.place(), "internal error");
            (
                "INTERNAL_SERVER_ERROR",
                format!("something went wrong; the server's log has it under {id}"),
                None,
            )
        }
    };
    Answer { code, message, field }
}

/// Whether a request could not even be executed. An error of the execution says where it happened.
pub fn is_refused(response: &Response) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// Whether a client would miss something by this update of a subscription: the database did not answer, or a defect left
/// nothing of it. The subscription has to end so that the client comes back, with the cursor that it has.
pub fn is_lost(update: &Response) -> bool {
    let has = |wanted: &str| {
        let code = |error: &ServerError| {
            error.extensions.as_ref().and_then(|known| known.get("code").cloned())
        };
        update.errors.iter().any(|error| code(error) == Some(Value::from(wanted)))
    };
    has("UNAVAILABLE") || (update.data == Value::Null && has("INTERNAL_SERVER_ERROR"))
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

/// An error with its code. One that passes by itself says when to try again.
pub fn refusal(message: impl Into<String>, code: &str) -> ServerError {
    let mut error = with_code(ServerError::new(message, None), code);
    if code == "UNAVAILABLE" {
        error = retried_after(error, RETRY_AFTER);
    }
    error
}

/// An error of a library, in few words and with a code of ours.
pub fn with_code(mut error: ServerError, code: &str) -> ServerError {
    shorten(&mut error.message);
    error.extensions.get_or_insert_default().set("code", code);
    error
}

/// The same with the seconds after which it makes sense to try again.
pub fn retried_after(mut error: ServerError, seconds: u64) -> ServerError {
    error.extensions.get_or_insert_default().set("retryAfter", seconds);
    error
}

/// The longest time that one of these errors asks a client to wait.
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
