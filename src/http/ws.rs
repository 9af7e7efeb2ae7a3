//! graphql-transport-ws, for one socket. `docs/errors.md` has the close codes, which are chosen by
//! what the `graphql-ws` client does with them.
//!
//! One task reads and writes the socket. Each operation has a task of its own, and their results
//! wait for the socket in turn; an operation goes on when the client has its result. So a socket
//! that does not read stops its own operations and nobody else's, and no operation waits for the
//! end of another. A result belongs to its operation, not to the id, which clients may use again.
//!
//! - Until it has introduced itself, a socket has a place among those before their init, for the
//!   process and for its address. Without one it is refused before the upgrade, with 429 or 503.
//! - `connection_init` brings a token, by which it gets a place of its owner. Too many are 1013 and
//!   not a code that clients give up on, because the places may be taken by the caller's own
//!   sockets that are half gone: they are free again when their pings go unanswered, after 75
//!   seconds at most.
//! - All subscriptions of a socket share one `Outlet`, which has room for one update: a socket that
//!   does not read holds one, however many subscriptions it has, and the others have read nothing.
//! - A mutation runs to its end, also when its client completes it or goes away.
//! - An operation is a trace of its own, unless its `extensions.traceparent` says of which it is a
//!   part: a socket lives for hours. It is linked with the handshake's.
//! - Whether the socket must end is watched all the time, also while a message waits to be taken.

mod operation;
mod protocol;
mod wire;

use std::{collections::HashMap, pin::Pin, sync::Arc};

use async_graphql::ServerError;
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until},
};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tracing::{Instrument, Span};

use super::{
    ACT_AS, Http,
    access::{self, About, Caller, OPERATION},
    close_reason::{self, CloseReason},
    connections::Peer,
    header_text, origin, sign_in,
    socket_limits::{InitSlot, SocketSlot, TooMany},
};
use crate::{
    auth::Actor,
    budget::Holder,
    error::Error,
    gate::{Params, Prepared},
    http::ws::{
        operation::{OfOperation, Operation, Outcome, Results},
        protocol::{ClientMessage, Close, PROTOCOL, ServerMessage},
        wire::{Heard, Wire},
    },
    inbox::live::Outlet,
    traces::{self, Ids, Kind},
};

/// After this many unanswered pings, the client is considered gone.
const MOST_PINGS: u8 = 2;
/// How many results wait for the socket. The others wait in their operations, one each, and take
/// turns.
const QUEUE: usize = 1;

pub async fn upgrade(http: Http, mut request: Request) -> Response {
    if !origin::is_welcome(&http.app.config, request.headers()) {
        return (StatusCode::FORBIDDEN, "pages of this origin may not connect; see cors_origins\n")
            .into_response();
    }
    let Ok(mut response) = create_response_with_body(&request, axum::body::Body::empty) else {
        let version = [(header::SEC_WEBSOCKET_VERSION, "13")];
        return (
            StatusCode::BAD_REQUEST,
            version,
            "this is not a websocket handshake of RFC 6455\n",
        )
            .into_response();
    };
    // Clients that offer only another subprotocol, such as the older graphql-ws, are closed with
    // 4406.
    let is_spoken = offers(request.headers(), PROTOCOL);
    if is_spoken {
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    let Ok(introduction) = Introduction::of(request.headers()) else {
        return (StatusCode::BAD_REQUEST, "authorization and act-as must be text\n")
            .into_response();
    };
    let peer = request.extensions().get::<Peer>().map(|Peer(address)| *address);
    let init_slot = match http.sockets.admit(peer) {
        Ok(slot) => slot,
        Err(too_many) => {
            http.app.metrics.refused.count("sockets_before_init");
            return refuse(too_many);
        }
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let tasks = http.tasks.clone();
    let handshake = traces::here().map(|here| here.ids());
    let socket = async move {
        let Ok(upgraded) = upgrade.await else { return };
        let Some(wire) = Wire::open(upgraded, http.app.config.limits.socket_message).await else {
            return;
        };
        let mut account = access::Socket::open(&http.app);
        match is_spoken {
            true => serve(http, wire, introduction, init_slot, account, handshake).await,
            false => {
                let close = Close::new(4406, "wrong_subprotocol", "Subprotocol not acceptable");
                account.reason = Some(close.why);
                wire.close(close).await
            }
        }
    };
    // Not its trace, which ends with the handshake.
    tasks.spawn(socket.instrument(Span::current()));
    response
}

/// Before the upgrade: a refusal then costs no socket, and clients retry.
fn refuse(too_many: TooMany) -> Response {
    let (status, why) = match too_many {
        TooMany::OfAddress => (
            StatusCode::TOO_MANY_REQUESTS,
            "too many websockets from this address have not sent connection_init\n",
        ),
        TooMany::InTotal => {
            (StatusCode::SERVICE_UNAVAILABLE, "too many websockets have not sent connection_init\n")
        }
    };
    (status, [(header::RETRY_AFTER, "1")], why).into_response()
}

fn offers(headers: &HeaderMap, protocol: &str) -> bool {
    let offered = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).any(|offered| offered.trim() == protocol)
}

/// The credentials that a client gives.
#[derive(Default)]
struct Introduction {
    authorization: Option<String>,
    act_as: Option<String>,
}

impl Introduction {
    /// From the headers of the handshake. A browser cannot set them on a websocket; other clients
    /// can.
    fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let text = |name| header_text(headers, name).map(|text| text.map(str::to_owned));
        Ok(Introduction { authorization: text("authorization")?, act_as: text(ACT_AS)? })
    }

    /// The connection parameters take precedence.
    fn or_by(&mut self, parameters: Map<String, Value>) -> Result<(), Close> {
        for (name, value) in parameters {
            let known = match name.to_ascii_lowercase().as_str() {
                "authorization" => &mut self.authorization,
                ACT_AS => &mut self.act_as,
                _ => continue,
            };
            match value {
                Value::String(text) => *known = Some(text),
                Value::Null => {}
                _ => return Err(Close::invalid(format!("{name} must be a string"))),
            }
        }
        Ok(())
    }
}

struct Connection {
    http: Http,
    wire: Wire,
    introduction: Introduction,
    /// The caller, after `connection_init`; None without a token.
    actor: Option<Actor>,
    is_initialised: bool,
    /// Held until `connection_init`.
    init_slot: Option<InitSlot>,
    slot: Option<SocketSlot>,
    /// Set after `connection_init`.
    outlet: Option<Outlet>,
    operations: HashMap<Arc<str>, Operation>,
    /// Mutations that the client has completed, but that still run.
    running: Vec<Operation>,
    results: Results,
    /// Ready when the socket must be closed. Also polled while a message waits to be sent.
    must_close: Pin<Box<dyn Future<Output = CloseReason> + Send>>,
    unanswered_pings: u8,
    /// For the log and the metrics.
    account: access::Socket,
    /// The span of the handshake, if it is recorded.
    handshake: Option<Ids>,
}

async fn serve(
    http: Http,
    wire: Wire,
    introduction: Introduction,
    init_slot: InitSlot,
    account: access::Socket,
    handshake: Option<Ids>,
) {
    let (results, outcomes) = mpsc::channel(QUEUE);
    let mut connection = Connection {
        must_close: Box::pin(close_reason::wait(http.clone(), None)),
        http,
        wire,
        introduction,
        actor: None,
        is_initialised: false,
        init_slot: Some(init_slot),
        slot: None,
        outlet: None,
        operations: HashMap::new(),
        running: Vec::new(),
        results,
        unanswered_pings: 0,
        account,
        handshake,
    };
    let outcome = connection.run(outcomes).await;
    let Connection { wire, operations, slot, mut account, .. } = connection;
    account.reason = outcome.as_ref().err().map(|close| close.why);
    drop((operations, slot, account));
    match outcome {
        Ok(()) => wire.finish().await,
        Err(close) => wire.close(close).await,
    }
}

impl Connection {
    /// Returns Ok when the client has gone, or the reason for closing the socket.
    async fn run(&mut self, mut outcomes: mpsc::Receiver<Box<OfOperation>>) -> Result<(), Close> {
        let limits = &self.http.app.config.clone().limits;
        let init_deadline = Instant::now() + limits.init_timeout;
        let mut ping = interval_at(Instant::now() + limits.ping_interval, limits.ping_interval);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                reason = &mut self.must_close => return Err(reason.into()),
                () = sleep_until(init_deadline), if !self.is_initialised => {
                    return Err(Close::new(4408, "no_init", "Connection initialisation timeout"));
                }
                heard = self.wire.hear() => {
                    self.unanswered_pings = 0;
                    match heard? {
                        // Boxed: otherwise every socket would keep room for what happens rarely.
                        Heard::Text(text) => Box::pin(self.receive(&text)).await?,
                        Heard::SignOfLife => {}
                        Heard::End => return Ok(()),
                    }
                }
                Some(result) = outcomes.recv() => self.pass_on(*result).await?,
                _ = ping.tick(), if self.is_initialised => {
                    if self.unanswered_pings >= MOST_PINGS {
                        return Err(Close::new(4408, "no_pong", "no answer to pings"));
                    }
                    self.unanswered_pings += 1;
                    self.send(&ServerMessage::Ping).await?;
                }
            }
        }
    }

    async fn receive(&mut self, text: &str) -> Result<(), Close> {
        match ClientMessage::parse(text)? {
            ClientMessage::ConnectionInit(_) if self.is_initialised => {
                Err(Close::new(4429, "second_init", "Too many initialisation requests"))
            }
            ClientMessage::ConnectionInit(parameters) => self.initialise(parameters).await,
            ClientMessage::Subscribe { id, payload } => self.subscribe(id, *payload).await,
            ClientMessage::Complete { id } => {
                let completed = self.operations.remove(id.as_str());
                self.running.extend(completed.filter(Operation::runs_on));
                Ok(())
            }
            ClientMessage::Ping(payload) => self.send(&ServerMessage::Pong { payload }).await,
            ClientMessage::Pong => Ok(()),
        }
    }

    async fn initialise(&mut self, parameters: Map<String, Value>) -> Result<(), Close> {
        self.is_initialised = true;
        let mut introduction = std::mem::take(&mut self.introduction);
        introduction.or_by(parameters)?;
        if let Some(authorization) = introduction.authorization {
            let signed_in = sign_in(&self.http.app, &authorization, introduction.act_as.as_deref());
            self.actor = tokio::select! {
                signed_in = Box::pin(signed_in) => Some(signed_in.map_err(Close::forbidden)?),
                reason = &mut self.must_close => return Err(reason.into()),
            };
            self.must_close = Box::pin(close_reason::wait(self.http.clone(), self.actor.clone()));
            self.account.caller = Caller::of(&self.http.app, self.actor.as_ref());
        }
        self.slot = self.http.sockets.take(self.actor.as_ref());
        if self.slot.is_none() {
            self.http.app.metrics.refused.count("sockets");
            let error = Error::LimitExceeded("too many sockets at the same time".into());
            return Err(Close::refused(1013, "too_many_sockets", error));
        }
        self.init_slot = None;
        let holder = Holder::of(self.actor.as_ref());
        let metrics = self.http.app.metrics.clone();
        self.outlet = Some(Outlet::new(self.http.answers.clone(), holder, metrics));
        self.send(&ServerMessage::ConnectionAck).await
    }

    async fn subscribe(&mut self, id: String, params: Params) -> Result<(), Close> {
        let since = Instant::now();
        let Some(outlet) = self.outlet.clone() else {
            return Err(Close::new(4401, "no_init", "Unauthorized"));
        };
        if self.operations.contains_key(id.as_str()) {
            return Err(Close::new(4409, "duplicate_id", already_exists(&id)));
        }
        self.account.operations += 1;
        let mut trace = self.http.app.traces.begin(params.traceparent(), OPERATION, Kind::Server);
        if let Some(handshake) = self.handshake {
            trace.link(handshake);
        }
        let span = match trace.trace_id() {
            Some(id) => tracing::info_span!("operation", trace_id = %id),
            None => Span::current(),
        };
        let mut about = About { caller: self.account.caller, ..About::default() };
        match self.prepare(params) {
            Ok(prepared) => {
                about.call(&prepared);
                let id: Arc<str> = id.into();
                let start = || {
                    let results = self.results.clone();
                    Operation::start(
                        &self.http,
                        id.clone(),
                        prepared,
                        outlet,
                        results,
                        about,
                        trace,
                    )
                };
                let operation = span.in_scope(start);
                self.operations.insert(id, operation);
                Ok(())
            }
            Err(error) => {
                about.fail(std::slice::from_ref(&error));
                let note = || access::operation(&self.http.app, &about, trace, since.elapsed(), 0);
                span.in_scope(note);
                self.send(&ServerMessage::Error { id: &id, payload: &[error] }).await
            }
        }
    }

    /// Lets an operation through the gate, if there is room for one more.
    fn prepare(&mut self, params: Params) -> Result<Prepared, ServerError> {
        let most = self.http.app.config.limits.operations_per_socket;
        self.running.retain(Operation::runs_on);
        if self.operations.len() + self.running.len() >= most {
            let error = Error::LimitExceeded(format!(
                "a socket has at most {most} operations at the same time"
            ));
            self.http.app.metrics.refused.count("operations_per_socket");
            return Err(async_graphql::Error::from(error).into_server_error(Default::default()));
        }
        self.http.gate.prepare(params, self.actor.clone())
    }

    async fn pass_on(&mut self, OfOperation { id, outcome, .. }: OfOperation) -> Result<(), Close> {
        // The client has completed this operation and may have reused its id: it expects no more
        // results of it.
        if !self.operations.get_key_value(&id).is_some_and(|(known, _)| Arc::ptr_eq(known, &id)) {
            return Ok(());
        }
        match outcome {
            Outcome::Next(text) => self.say(text).await,
            Outcome::Error(errors) => {
                self.operations.remove(&id);
                self.send(&ServerMessage::Error { id: &id, payload: &errors }).await
            }
            Outcome::Complete => {
                self.operations.remove(&id);
                self.send(&ServerMessage::Complete { id: &id }).await
            }
            Outcome::Lost => Err(Close::interrupted()),
        }
    }

    async fn send(&mut self, message: &ServerMessage<'_>) -> Result<(), Close> {
        self.say(
            serde_json::to_string(message)
                .map_err(|error| Close::forbidden(Error::internal(error)))?,
        )
        .await
    }

    async fn say(&mut self, text: String) -> Result<(), Close> {
        let patience = self.http.app.config.limits.write_timeout;
        self.account.bytes += text.len() as u64;
        tokio::select! {
            // The client learns of this only if it does read in the end.
            said = self.wire.say(text, patience) => {
                said.map_err(|_| Close::new(1013, "does_not_read", "the client does not read"))
            }
            reason = &mut self.must_close => Err(reason.into()),
        }
    }
}

/// An id may be longer than a close frame has room for.
fn already_exists(id: &str) -> String {
    const LONGEST: usize = 80;
    match id.len() <= LONGEST {
        true => format!("Subscriber for {id} already exists"),
        false => {
            format!("Subscriber for {}… already exists", &id[..id.floor_char_boundary(LONGEST)])
        }
    }
}
