//! The access log: a line for each HTTP request, each operation on a websocket, each subscription,
//! and each websocket, when it ends; and the same in the metrics.
//!
//! A line has the id of its request, as every line of the log. It says what was asked and how it
//! went: the kind and name of the operation, the code of the first error, the time, the bytes that
//! were sent, the caller's role. It has no texts, no tokens, no paths with parameters, and the
//! number of a person only with `log_people`.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use async_graphql::{ServerError, Value, parser::types::OperationType};

use crate::{
    app::App,
    auth::{Actor, Role},
    gate::Prepared,
    metrics::{self, Open, Transport},
    traces::Span,
};

/// The longest name of an operation that is logged whole, in bytes. It is a name of GraphQL, so it
/// has only letters, digits and underscores.
const LONGEST_NAME: usize = 64;

/// The caller of a request, as far as the log may say.
#[derive(Clone, Copy, Default)]
pub struct Caller {
    role: Option<Role>,
    person: Option<i64>,
}

impl Caller {
    pub fn of(app: &App, actor: Option<&Actor>) -> Self {
        let person = actor.and_then(Actor::in_log).filter(|_| app.config.log_people);
        Caller { role: actor.map(|actor| actor.role), person }
    }

    /// None without a token.
    fn role(self) -> &'static str {
        match self.role {
            Some(Role::User) => "user",
            Some(Role::Service) => "service",
            Some(Role::Admin) => "admin",
            None => "none",
        }
    }
}

/// What is known of an operation: from the beginning nothing, then who called, then what.
#[derive(Clone, Default)]
pub struct About {
    pub caller: Caller,
    pub kind: Option<OperationType>,
    pub name: Option<Box<str>>,
    /// The code of the first error; None if there is none.
    pub code: Option<Box<str>>,
}

impl About {
    pub fn call(&mut self, prepared: &Prepared) {
        self.kind = Some(prepared.kind);
        self.name = prepared
            .name
            .as_deref()
            .map(|name| name[..name.floor_char_boundary(LONGEST_NAME)].into());
    }

    pub fn code(&self) -> &str {
        self.code.as_deref().unwrap_or(metrics::OK)
    }

    pub fn fail(&mut self, errors: &[ServerError]) {
        self.code = code(errors).map(Into::into);
    }

    /// Says it in the span of the operation, which ends here.
    pub fn end(&self, mut trace: Span) {
        if !trace.is_recorded() {
            return;
        }
        if self.kind.is_some() {
            let kind = metrics::kind_name(self.kind);
            trace.rename(kind);
            trace.set("graphql.operation.type", kind);
        }
        if let Some(name) = self.name.as_deref() {
            trace.set("graphql.operation.name", name.to_owned());
        }
        trace.set("tidings.role", self.caller.role());
        if let Some(person) = self.caller.person {
            trace.set("tidings.person", person);
        }
        match self.code() {
            metrics::OK => {}
            code if OF_SERVER.contains(&code) => trace.fail(code.to_owned()),
            code => trace.set("error.type", code.to_owned()),
        }
    }
}

/// The span of an operation until it is known what it is, by the conventions of OpenTelemetry.
pub const OPERATION: &str = "GraphQL Operation";
/// The codes of errors for which the client is not to blame.
const OF_SERVER: [&str; 2] = ["UNAVAILABLE", "INTERNAL_SERVER_ERROR"];

/// The code of the first error.
pub fn code(errors: &[ServerError]) -> Option<&str> {
    match errors.first()?.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

/// How long something took, as the log shows it.
fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

/// An HTTP request. When it is dropped, its answer has been given, and it is logged.
pub struct Request {
    pub app: App,
    pub route: &'static str,
    pub status: u16,
    /// None for what is not about GraphQL.
    pub about: Option<About>,
    pub since: Instant,
    pub bytes: u64,
}

impl Drop for Request {
    fn drop(&mut self) {
        let Request { app, route, status, about, since, bytes } = &*self;
        if !app.config.access_log {
            return;
        }
        let about = about.as_ref();
        let caller = about.map(|about| about.caller);
        tracing::info!(
            route,
            status,
            kind = about.and_then(|about| about.kind).map(|kind| metrics::kind_name(Some(kind))),
            operation = about.and_then(|about| about.name.as_deref()),
            code = about.map(About::code),
            role = caller.map(Caller::role),
            person = caller.and_then(|caller| caller.person),
            bytes,
            milliseconds = milliseconds(since.elapsed()),
            "request"
        );
    }
}

/// A query or mutation on a websocket that was answered with this many bytes.
pub fn operation(app: &App, about: &About, trace: Span, time: Duration, bytes: u64) {
    about.end(trace);
    app.metrics.operation(about.kind, Transport::Websocket, about.code(), time);
    if !app.config.access_log {
        return;
    }
    let About { caller, kind, name, .. } = about;
    tracing::info!(
        kind = metrics::kind_name(*kind),
        operation = name.as_deref(),
        code = about.code(),
        role = caller.role(),
        person = caller.person,
        bytes,
        milliseconds = milliseconds(time),
        "operation"
    );
}

/// Why a stream ended; empty as long as the server has no reason to end it.
pub type Reason = Arc<OnceLock<&'static str>>;

/// A subscription, or any operation on an event stream. When it is dropped, it has ended, and is
/// logged.
pub struct Stream {
    app: App,
    about: About,
    trace: Span,
    transport: Transport,
    since: Instant,
    updates: u64,
    bytes: u64,
    reason: Reason,
    _open: Vec<Open>,
}

impl Stream {
    pub fn new(app: &App, about: About, trace: Span, transport: Transport, reason: Reason) -> Self {
        let is_subscription = about.kind == Some(OperationType::Subscription);
        let open = [
            (transport == Transport::Events, &app.metrics.streams),
            (is_subscription, &app.metrics.subscriptions),
        ];
        let open = open.into_iter().filter(|(is, _)| *is).map(|(_, open)| Open::new(open));
        Stream {
            app: app.clone(),
            about,
            trace,
            transport,
            since: Instant::now(),
            updates: 0,
            bytes: 0,
            reason,
            _open: open.collect(),
        }
    }

    /// Notes a result that is about to be sent.
    pub fn send(&mut self, errors: &[ServerError], bytes: usize) {
        self.about.fail(errors);
        self.updates += 1;
        self.bytes += bytes as u64;
    }

    /// Notes errors that are not sent as a result.
    pub fn fail(&mut self, errors: &[ServerError]) {
        self.about.fail(errors);
    }

    /// Notes why it ends.
    pub fn end(&self, reason: &'static str) {
        let _ = self.reason.set(reason);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let trace = std::mem::take(&mut self.trace);
        let Stream { app, about, transport, updates, bytes, reason, .. } = &*self;
        about.end(trace);
        let reason = *reason.get().unwrap_or(&CLIENT_LEFT);
        let time = self.since.elapsed();
        app.metrics.operation(about.kind, *transport, about.code(), time);
        if about.kind == Some(OperationType::Subscription) {
            app.metrics.subscription_ended(*transport, reason);
        }
        if !app.config.access_log {
            return;
        }
        let About { caller, kind, name, .. } = about;
        tracing::info!(
            transport = transport.name(),
            kind = metrics::kind_name(*kind),
            operation = name.as_deref(),
            code = about.code(),
            reason,
            role = caller.role(),
            person = caller.person,
            updates,
            bytes,
            milliseconds = milliseconds(time),
            "stream"
        );
    }
}

/// Why a stream or websocket ended that the server did not end.
const CLIENT_LEFT: &str = "client_left";
/// Why a subscription ended that its client continues after it has reconnected.
pub const INTERRUPTED: &str = "interrupted";
/// Why a subscription ended after which its client does not come back.
pub const FAILED: &str = "failed";

/// A websocket. When it is dropped, it has ended, and is logged.
pub struct Socket {
    app: App,
    since: Instant,
    pub caller: Caller,
    pub operations: u64,
    pub bytes: u64,
    /// Why the server closes it.
    pub reason: Option<&'static str>,
    _open: Open,
}

impl Socket {
    pub fn open(app: &App) -> Self {
        Socket {
            app: app.clone(),
            since: Instant::now(),
            caller: Caller::default(),
            operations: 0,
            bytes: 0,
            reason: None,
            _open: Open::new(&app.metrics.sockets),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let Socket { app, caller, operations, bytes, .. } = &*self;
        let reason = self.reason.unwrap_or(CLIENT_LEFT);
        app.metrics.sockets_closed.count(reason);
        if !app.config.access_log {
            return;
        }
        tracing::info!(
            reason,
            role = caller.role(),
            person = caller.person,
            operations,
            bytes,
            milliseconds = milliseconds(self.since.elapsed()),
            "socket"
        );
    }
}
