//! graphql-transport-ws: one task reads and writes the socket, each operation has a task of its own, and what they yield
//! goes through one bounded queue, in which they wait fairly.
//!
//! Which close code makes the `graphql-ws` client come back decides which one is sent: 1012 when the server stops and 4403
//! when the token ends are retried, with fresh connection parameters; 4401 is not, and means that it is of no use.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_graphql::{Response as GraphQLResponse, Value};
use axum::{
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
    time::{Instant, sleep_until, timeout},
};
use tokio_stream::StreamExt;

use super::{ACT_AS, Http, changed, sign_in};
use crate::{
    auth::Actor,
    db::Topic,
    error::Error,
    graphql::{self, Params, answer},
};

const PROTOCOL: &str = "graphql-transport-ws";
/// How long a client may take to introduce itself.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a frame may wait for a client that does not read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const PING_INTERVAL: Duration = Duration::from_secs(25);
/// Pings without an answer after which the client is taken for gone.
const MOST_PINGS: u8 = 2;
const LARGEST_MESSAGE: usize = 64 * 1024;
/// tungstenite's default of 128 KiB is most of what an idle socket would cost.
const READ_BUFFER: usize = 4 * 1024;
/// How long the closing handshake may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// Results that wait for the socket; then the operations wait.
const QUEUE: usize = 16;

pub async fn upgrade(
    State(http): State<Http>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let hint = "POST a GraphQL request here, or open a websocket with the subprotocol graphql-transport-ws\n";
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")], hint).into_response();
    };
    let upgrade = upgrade.protocols([PROTOCOL]).read_buffer_size(READ_BUFFER).max_message_size(LARGEST_MESSAGE);
    // A browser cannot set headers on a websocket; other clients may.
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    upgrade.on_upgrade(async move |socket| {
        let sockets = http.sockets.clone();
        sockets.track_future(serve(http, socket, authorization)).await;
    })
}

/// Why a socket is closed.
struct Close(u16, String);

impl Close {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        Close(code, reason.into())
    }

    fn forbidden(error: Error) -> Self {
        match error {
            // The client asks for a fresh token and comes back.
            Error::Unauthenticated("the token has expired") => Close::new(4403, "the token has expired"),
            Error::Unavailable(_) => Close::new(1013, "try again later"),
            error => Close::new(4401, answer(error).message),
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ClientMessage {
    ConnectionInit { payload: Option<HashMap<String, serde_json::Value>> },
    Subscribe { id: String, payload: Box<Params> },
    Complete { id: String },
    Ping { payload: Option<Value> },
    Pong {},
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ServerMessage<'a> {
    ConnectionAck,
    Next {
        id: &'a str,
        payload: &'a GraphQLResponse,
    },
    Error {
        id: &'a str,
        payload: &'a [async_graphql::ServerError],
    },
    Complete {
        id: &'a str,
    },
    Ping,
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Value>,
    },
}

/// What an operation's task has for the client.
enum Outcome {
    Next(Box<GraphQLResponse>),
    /// It could not even begin.
    Error(Vec<async_graphql::ServerError>),
    Complete,
}

struct Connection {
    http: Http,
    socket: WebSocket,
    /// The token of the upgrade request, for clients without connection parameters.
    authorization: Option<String>,
    /// Who it is, once it has introduced itself.
    actor: Option<Actor>,
    is_initialised: bool,
    operations: HashMap<Arc<str>, AbortHandle>,
    outcomes: mpsc::Sender<(Arc<str>, Outcome)>,
    /// Hints that the user has changed: they may have been deactivated.
    user_changes: Option<watch::Receiver<()>>,
    unanswered_pings: u8,
}

async fn serve(http: Http, socket: WebSocket, authorization: Option<String>) {
    let (outcomes, results) = mpsc::channel(QUEUE);
    let mut connection = Connection {
        http,
        socket,
        authorization,
        actor: None,
        is_initialised: false,
        operations: HashMap::new(),
        outcomes,
        user_changes: None,
        unanswered_pings: 0,
    };
    let close = connection.run(results).await;
    for operation in connection.operations.values() {
        operation.abort();
    }
    if let Err(Close(code, reason)) = close {
        connection.close(code, reason).await;
    }
}

impl Connection {
    /// Ends with Ok when the client has gone, or with the reason why it must.
    async fn run(&mut self, mut results: mpsc::Receiver<(Arc<str>, Outcome)>) -> Result<(), Close> {
        if self.socket.protocol().is_none_or(|protocol| protocol != PROTOCOL) {
            return Err(Close::new(4406, "Subprotocol not acceptable"));
        }
        let shutdown = self.http.app.shutdown.clone();
        let init_deadline = Instant::now() + INIT_TIMEOUT;
        let mut ping = tokio::time::interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        loop {
            let token_ends = self.actor.as_ref().map(|actor| actor.expires);
            let clock = self.http.app.clock.clone();
            tokio::select! {
                () = shutdown.cancelled() => return Err(Close::new(1012, "the server restarts")),
                () = sleep_until(init_deadline), if !self.is_initialised => {
                    return Err(Close::new(4408, "Connection initialisation timeout"));
                }
                () = clock.sleep_until(token_ends), if token_ends.is_some() => {
                    if token_ends.is_some_and(|end| end <= clock.now()) {
                        return Err(Close::new(4403, "the token has expired"));
                    }
                }
                () = changed(&mut self.user_changes) => self.check_user().await?,
                message = self.socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => self.receive(&text).await?,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => self.unanswered_pings = 0,
                    Some(Ok(Message::Binary(_))) => return Err(Close::new(4400, "Invalid message")),
                    Some(Ok(Message::Close(_))) => {
                        self.read_to_the_end().await;
                        return Ok(());
                    }
                    Some(Err(_)) | None => return Ok(()),
                },
                Some((id, outcome)) = results.recv() => self.pass_on(&id, outcome).await?,
                _ = ping.tick(), if self.actor.is_some() || self.is_initialised => {
                    if self.unanswered_pings >= MOST_PINGS {
                        return Err(Close::new(4408, "no answer to pings"));
                    }
                    self.unanswered_pings += 1;
                    self.send(&ServerMessage::Ping).await?;
                }
            }
        }
    }

    async fn receive(&mut self, text: &str) -> Result<(), Close> {
        let message = serde_json::from_str(text).map_err(|_| Close::new(4400, "Invalid message"))?;
        match message {
            ClientMessage::ConnectionInit { .. } if self.is_initialised => {
                Err(Close::new(4429, "Too many initialisation requests"))
            }
            ClientMessage::ConnectionInit { payload } => self.initialise(payload.unwrap_or_default()).await,
            ClientMessage::Subscribe { id, payload } => self.subscribe(id.into(), *payload),
            ClientMessage::Complete { id } => {
                if let Some(operation) = self.operations.remove(id.as_str()) {
                    operation.abort();
                }
                Ok(())
            }
            ClientMessage::Ping { payload } => self.send(&ServerMessage::Pong { payload }).await,
            ClientMessage::Pong {} => {
                self.unanswered_pings = 0;
                Ok(())
            }
        }
    }

    async fn initialise(&mut self, parameters: HashMap<String, serde_json::Value>) -> Result<(), Close> {
        self.is_initialised = true;
        let parameter = |wanted: &str| {
            let found = parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.and_then(|(_, value)| value.as_str())
        };
        let authorization = parameter("authorization").or(self.authorization.as_deref());
        if let Some(authorization) = authorization {
            let app = &self.http.app;
            let actor = sign_in(app, authorization, parameter(ACT_AS)).await.map_err(Close::forbidden)?;
            self.user_changes = actor.user_id().map(|user| app.live.hints(Topic::User(user)));
            self.actor = Some(actor);
        }
        self.send(&ServerMessage::ConnectionAck).await
    }

    /// The user behind the socket has changed: one who was deactivated has to go.
    async fn check_user(&mut self) -> Result<(), Close> {
        match &self.actor {
            Some(actor) => crate::users::check_active(&self.http.app, actor).await.map_err(Close::forbidden),
            None => Ok(()),
        }
    }

    fn subscribe(&mut self, id: Arc<str>, params: Params) -> Result<(), Close> {
        if !self.is_initialised {
            return Err(Close::new(4401, "Unauthorized"));
        }
        if self.operations.contains_key(&id) {
            return Err(Close::new(4409, format!("Subscriber for {} already exists", shortened(&id))));
        }
        let (http, actor) = (self.http.clone(), self.actor.clone());
        let task = tokio::spawn(operate(http, id.clone(), params, actor, self.outcomes.clone()));
        self.operations.insert(id, task.abort_handle());
        Ok(())
    }

    async fn pass_on(&mut self, id: &Arc<str>, outcome: Outcome) -> Result<(), Close> {
        // The client has completed it, and may have used the id again: it expects nothing more of this one.
        if !self.operations.contains_key(id) {
            return Ok(());
        }
        match outcome {
            Outcome::Next(payload) => self.send(&ServerMessage::Next { id, payload: &payload }).await,
            Outcome::Error(errors) => {
                self.operations.remove(id);
                self.send(&ServerMessage::Error { id, payload: &errors }).await
            }
            Outcome::Complete => {
                self.operations.remove(id);
                self.send(&ServerMessage::Complete { id }).await
            }
        }
    }

    async fn send(&mut self, message: &ServerMessage<'_>) -> Result<(), Close> {
        let text = serde_json::to_string(message).map_err(|_| Close::new(1011, "internal error"))?;
        match timeout(WRITE_TIMEOUT, self.socket.send(Message::text(text))).await {
            Ok(Ok(())) => Ok(()),
            // It cannot be told any more.
            Ok(Err(_)) | Err(_) => Err(Close::new(1013, "the client does not read")),
        }
    }

    /// Says why, and finishes the closing handshake, so that unread input does not turn the close into a reset.
    async fn close(&mut self, code: u16, reason: String) {
        let frame = CloseFrame { code, reason: shortened(&reason).into() };
        if let Ok(Ok(())) = timeout(FAREWELL, self.socket.send(Message::Close(Some(frame)))).await {
            self.read_to_the_end().await;
        }
    }

    /// The closing handshake ends when both sides have said so; reading answers the client's word.
    async fn read_to_the_end(&mut self) {
        let _ = timeout(FAREWELL, async { while let Some(Ok(_)) = self.socket.recv().await {} }).await;
    }
}

/// One operation from its beginning to its end.
async fn operate(
    http: Http,
    id: Arc<str>,
    params: Params,
    actor: Option<Actor>,
    outcomes: mpsc::Sender<(Arc<str>, Outcome)>,
) {
    let prepared = match graphql::prepare(&http.schema, params, actor) {
        Ok(prepared) => prepared,
        Err(error) => {
            let _ = outcomes.send((id, Outcome::Error(vec![error]))).await;
            return;
        }
    };
    let mut responses = http.schema.execute_stream(prepared.request);
    let mut is_first = true;
    while let Some(response) = responses.next().await {
        let is_refused = is_first && response.data == Value::Null && !response.errors.is_empty();
        is_first = false;
        let outcome = match is_refused {
            true => Outcome::Error(response.errors),
            false => Outcome::Next(Box::new(response)),
        };
        if outcomes.send((id.clone(), outcome)).await.is_err() || is_refused {
            return;
        }
    }
    let _ = outcomes.send((id, Outcome::Complete)).await;
}

/// A close frame has room for 123 bytes of reason.
fn shortened(reason: &str) -> &str {
    let end = (0..=reason.len().min(120)).rev().find(|end| reason.is_char_boundary(*end));
    &reason[..end.unwrap_or(0)]
}
