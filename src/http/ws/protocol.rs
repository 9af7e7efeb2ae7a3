//! The messages of graphql-transport-ws, and the codes that a socket is closed with.
//!
//! <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>

use async_graphql::{Response, ServerError};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    error::Error,
    gate::{Params, answer},
    http::end::End,
};

pub const PROTOCOL: &str = "graphql-transport-ws";
/// What a close frame has room for (RFC 6455, 5.5).
const LONGEST_REASON: usize = 123;

/// Why a socket is closed. docs/transport.md has the codes, and what clients do with each.
#[derive(Debug)]
pub struct Close {
    pub code: u16,
    pub reason: String,
}

impl Close {
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
        Close { code, reason }
    }

    /// A message that the protocol does not know.
    pub fn invalid(why: impl std::fmt::Display) -> Self {
        Close::new(4400, format!("Invalid message: {why}"))
    }

    /// A caller who may not come in.
    pub fn forbidden(error: Error) -> Self {
        let code = match error {
            // The client asks for a fresh token and comes back.
            Error::Unauthenticated("the token has expired") => 4403,
            Error::Unavailable(_) => 1013,
            Error::Internal(_) => 4500,
            _ => 4401,
        };
        Close::new(code, answer(error).message)
    }

    /// A subscription cannot go on now. The client comes back, and goes on where it was.
    pub fn interrupted() -> Self {
        Close::new(1013, "a subscription was interrupted; come back with its last cursor")
    }
}

impl From<End> for Close {
    fn from(end: End) -> Self {
        match end {
            End::Stop => Close::new(1012, "the server restarts"),
            End::TokenExpired => Close::new(4403, "the token has expired"),
            End::Unwelcome(error) => Close::forbidden(error),
        }
    }
}

/// What a client says.
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
            return Err(Close::invalid("it is a JSON object"));
        };
        let kind = message.remove("type");
        let id = message.remove("id");
        let payload = match message.remove("payload") {
            None | Some(Value::Null) => None,
            Some(Value::Object(payload)) => Some(payload),
            Some(_) => return Err(Close::invalid("payload is an object")),
        };
        let id = || match id {
            Some(Value::String(id)) if !id.is_empty() => Ok(id),
            _ => Err(Close::invalid("id is a text that is not empty")),
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
                        "payload has a query, and perhaps operationName, variables, extensions",
                    )
                };
                let params: Params = params.filter(Params::is_complete).ok_or_else(malformed)?;
                Ok(ClientMessage::Subscribe { id: id()?, payload: Box::new(params) })
            }
            Some("complete") => Ok(ClientMessage::Complete { id: id()? }),
            Some("ping") => Ok(ClientMessage::Ping(payload)),
            Some("pong") => Ok(ClientMessage::Pong),
            _ => Err(Close::invalid("type is one that a client sends")),
        }
    }
}

/// What the server says.
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
