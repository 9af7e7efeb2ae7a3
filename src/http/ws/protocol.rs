//! The messages of graphql-transport-ws, and the codes with which sockets are closed.
//!
//! <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>

use async_graphql::{Response, ServerError};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    error::Error,
    gate::{Answer, Params, answer},
    http::{
        access::INTERRUPTED,
        close_reason::{CloseReason, TOKEN_EXPIRED},
    },
};

pub const PROTOCOL: &str = "graphql-transport-ws";
/// How many bytes of text fit in a close frame (RFC 6455, section 5.5).
const LONGEST_REASON: usize = 123;

/// Why a socket is closed. `docs/errors.md` lists the codes and how clients react to each.
#[derive(Debug)]
pub struct Close {
    pub code: u16,
    pub reason: String,
    /// The reason in the metrics and in the log.
    pub why: &'static str,
}

impl Close {
    pub fn new(code: u16, why: &'static str, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
        Close { code, reason, why }
    }

    /// A message that the protocol does not know.
    pub fn invalid(why: impl std::fmt::Display) -> Self {
        Close::new(4400, "invalid_message", format!("Invalid message: {why}"))
    }

    /// What an error means for the socket. Its code comes first in the reason, since one close code
    /// stands for several of them.
    pub fn refused(code: u16, why: &'static str, error: Error) -> Self {
        let Answer { code: name, message, .. } = answer(error);
        Close::new(code, why, format!("{}: {message}", name.name()))
    }

    /// A caller who is not admitted.
    pub fn forbidden(error: Error) -> Self {
        let (code, why) = match error {
            // The client gets a fresh token and reconnects.
            Error::TokenExpired => (4403, TOKEN_EXPIRED),
            Error::Unavailable(_) => (1013, "unavailable"),
            Error::Internal(_) => (4500, "defect"),
            _ => (4401, "not_admitted"),
        };
        Close::refused(code, why, error)
    }

    /// A subscription cannot continue now. The client reconnects and resumes where it was.
    pub fn interrupted() -> Self {
        let reason = "a subscription was interrupted; come back with its last cursor";
        Close::new(1013, INTERRUPTED, reason)
    }
}

impl From<CloseReason> for Close {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::ServerStops => Close::new(1012, reason.name(), "the server restarts"),
            CloseReason::TokenExpired => Close::forbidden(Error::TokenExpired),
            CloseReason::Deactivated(error) => Close::forbidden(error),
        }
    }
}

/// What clients send.
pub enum ClientMessage {
    ConnectionInit(Map<String, Value>),
    Subscribe { id: String, payload: Box<Params> },
    Complete { id: String },
    Ping(Option<Map<String, Value>>),
    Pong,
}

impl ClientMessage {
    pub fn parse(text: &str) -> Result<Self, Close> {
        let Ok(Value::Object(mut message)) = serde_json::from_str(text) else {
            return Err(Close::invalid("a message must be a JSON object"));
        };
        let kind = message.remove("type");
        let id = message.remove("id");
        let payload = match message.remove("payload") {
            None | Some(Value::Null) => None,
            Some(Value::Object(payload)) => Some(payload),
            Some(_) => return Err(Close::invalid("payload must be an object")),
        };
        let id = || match id {
            Some(Value::String(id)) if !id.is_empty() => Ok(id),
            _ => Err(Close::invalid("id must be a non-empty string")),
        };
        match kind.as_ref().and_then(Value::as_str) {
            Some("connection_init") => {
                Ok(ClientMessage::ConnectionInit(payload.unwrap_or_default()))
            }
            Some("subscribe") => {
                let params =
                    serde_json::from_value(payload.map_or(Value::Null, Value::Object)).ok();
                let malformed = || {
                    Close::invalid(
                        "payload has a query and, optionally, operationName, variables, extensions",
                    )
                };
                let params: Params = params.filter(Params::is_complete).ok_or_else(malformed)?;
                Ok(ClientMessage::Subscribe { id: id()?, payload: Box::new(params) })
            }
            Some("complete") => Ok(ClientMessage::Complete { id: id()? }),
            Some("ping") => Ok(ClientMessage::Ping(payload)),
            Some("pong") => Ok(ClientMessage::Pong),
            _ => Err(Close::invalid("type must be one that clients send")),
        }
    }
}

/// What the server sends.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage<'a> {
    ConnectionAck,
    Next {
        id: &'a str,
        payload: &'a Response,
    },
    Error {
        id: &'a str,
        payload: &'a [ServerError],
    },
    Complete {
        id: &'a str,
    },
    Ping,
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Map<String, Value>>,
    },
}

impl ServerMessage<'_> {
    /// The text of a result.
    pub fn next(id: &str, payload: &Response) -> serde_json::Result<String> {
        serde_json::to_string(&ServerMessage::Next { id, payload })
    }
}
