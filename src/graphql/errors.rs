//! Errors as clients see them: a message for a person, `extensions.code` for a program, `extensions.field` for a form.

use async_graphql::{ErrorExtensions, Response, ServerError, Value};
use rand::Rng;

use crate::error::Error;

/// What a client hears of an error: the code of the closed list, a text without secrets, and the input's field.
pub struct Answer {
    pub code: &'static str,
    pub message: String,
    pub field: Option<String>,
}

/// The one place that decides what is said. Defects are logged here, once, under an id that the client gets instead.
pub fn answer(error: Error) -> Answer {
    let (code, message, field) = match error {
        Error::Unauthenticated(message) => ("UNAUTHENTICATED", message.to_owned(), None),
        Error::Forbidden => ("FORBIDDEN", "this is not for your role".to_owned(), None),
        Error::NotFound(noun) => ("NOT_FOUND", format!("there is no such {noun}"), None),
        Error::Invalid { field, message } => ("BAD_USER_INPUT", format!("{field}: {message}"), Some(field)),
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
        Error::Internal(cause) => {
            let id = format!("{:08x}", rand::rng().random::<u32>());
            tracing::error!(id, cause, "internal error");
            ("INTERNAL_SERVER_ERROR", format!("something went wrong; the server's log has it under {id}"), None)
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
        let code = |error: &ServerError| error.extensions.as_ref().and_then(|known| known.get("code").cloned());
        update.errors.iter().any(|error| code(error) == Some(Value::from(wanted)))
    };
    has("UNAVAILABLE") || (update.data == Value::Null && has("INTERNAL_SERVER_ERROR"))
}

impl From<Error> for async_graphql::Error {
    fn from(error: Error) -> Self {
        let Answer { code, message, field } = answer(error);
        async_graphql::Error::new(message).extend_with(|_, extensions| {
            extensions.set("code", code);
            if let Some(field) = field {
                extensions.set("field", field);
            }
        })
    }
}
