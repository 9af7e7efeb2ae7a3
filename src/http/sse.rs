//! Server-sent events, in graphql-sse's distinct connections mode: one operation per request, one
//! event per result.
//!
//! The event of an update has its cursor as `id`. To resume, a client sends it back as
//! `Last-Event-ID`, which takes precedence over the `after` of the request, because clients repeat
//! the original request.

use std::convert::Infallible;

use async_graphql::{ServerError, Value, parser::types::OperationType};
use axum::{
    Extension,
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{
    future,
    stream::{self, Stream, StreamExt},
};

use super::{
    Http,
    access::{self, About, FAILED, INTERRUPTED, Reason},
    close_reason,
    graphql::{Refusal, execute},
    request_id::LogsItself,
};
use crate::{
    app::App,
    auth::Actor,
    budget::Holder,
    error::Error,
    gate::{Prepared, is_lost},
    graphql::LastCursor,
    inbox::live::{Cursor, Outlet},
    metrics::Transport,
    traces::{self, Place, Span},
};

/// Why the event stream of a query or mutation ended.
const COMPLETE: &str = "complete";

pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The results of an operation.
pub fn stream(
    http: Http,
    mut prepared: Prepared,
    actor: Option<Actor>,
    headers: &HeaderMap,
    about: About,
    trace: &mut Span,
) -> Result<Response, Refusal> {
    let (app, reason, place) = (http.app.clone(), Reason::default(), trace.place());
    let account = || {
        access::Stream::new(&app, about, std::mem::take(trace), Transport::Events, reason.clone())
    };
    if prepared.kind != OperationType::Subscription {
        let executed = async move { execute(&http, prepared).await.response };
        return Ok(show(&app, result(traces::at(place, executed), account())));
    }
    if let Some(cursor) = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()) {
        prepared = prepared.with(LastCursor(cursor.to_owned()));
    }
    let slot = http.sockets.take(actor.as_ref()).ok_or_else(|| {
        app.metrics.refused.count("sockets");
        Error::LimitExceeded("too many event streams at the same time".into())
    })?;
    let holder = Holder::of(actor.as_ref());
    let outlet = Outlet::new(http.answers.clone(), holder, app.metrics.clone());
    let updates = prepared.with(outlet).follow(&http.schemas.metered);
    let updates = at(place, events(updates, account()));
    let must_close = async move {
        let _slot = slot;
        let _ = reason.set(close_reason::wait(http, actor).await.name());
    };
    // Without a last event: the client should reconnect, and then learns the reason.
    Ok(show(&app, updates.take_until(must_close)))
}

/// An operation that cannot be executed. Sent as an event, because a browser's `EventSource` shows
/// no other answer.
pub fn refuse(app: &App, error: ServerError, about: About, trace: Span) -> Response {
    let account = access::Stream::new(app, about, trace, Transport::Events, Reason::default());
    show(app, result(future::ready(async_graphql::Response::from_errors(vec![error])), account))
}

fn result(
    result: impl Future<Output = async_graphql::Response>,
    mut account: access::Stream,
) -> impl Stream<Item = Event> {
    let next = async move {
        let event = event(&result.await, &mut account);
        account.end(COMPLETE);
        event
    };
    stream::once(next).chain(stream::once(future::ready(complete())))
}

/// The events of a subscription. No last event if it cannot continue now: the client should
/// reconnect, as when the stream ends.
fn events(
    updates: impl Stream<Item = async_graphql::Response>,
    account: access::Stream,
) -> impl Stream<Item = Event> {
    let has_failed = false;
    stream::unfold(Some((Box::pin(updates), has_failed, account)), |state| async move {
        let (mut updates, has_failed, mut account) = state?;
        match updates.next().await {
            Some(update) if is_lost(&update) => {
                account.fail(&update.errors);
                account.end(INTERRUPTED);
                None
            }
            Some(update) => {
                let has_failed = !update.errors.is_empty();
                let event = event(&update, &mut account);
                let event = match cursor(&update.data) {
                    Some(cursor) => event.id(cursor),
                    None => event,
                };
                Some((event, Some((updates, has_failed, account))))
            }
            None => {
                account.end(if has_failed { FAILED } else { INTERRUPTED });
                has_failed.then(|| (complete(), None))
            }
        }
    })
}

/// The events, made in the place of their operation.
fn at(place: Option<Place>, events: impl Stream<Item = Event>) -> impl Stream<Item = Event> {
    let mut events = Box::pin(events);
    stream::poll_fn(move |cx| traces::now_at(place.clone(), || events.as_mut().poll_next(cx)))
}

fn complete() -> Event {
    // An EventSource drops an event without data and then reconnects; axum writes no line for an
    // empty text.
    Event::default().event("complete").data("\n")
}

fn show(app: &App, events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let heartbeats = KeepAlive::new().interval(app.config.limits.ping_interval);
    // nginx would otherwise hold events back until its buffer is full.
    let unbuffered =
        [(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))];
    let events = Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(heartbeats);
    (unbuffered, Extension(LogsItself), events).into_response()
}

fn event(update: &async_graphql::Response, account: &mut access::Stream) -> Event {
    let text = serde_json::json!(update).to_string();
    account.send(&update.errors, text.len());
    Event::default().event("next").data(text)
}

/// The cursor of an update, if the client asked for it.
fn cursor(data: &Value) -> Option<&str> {
    let Value::Object(fields) = data else { return None };
    let Some(Value::Object(update)) = fields.values().next() else { return None };
    match update.get("cursor") {
        Some(Value::String(cursor)) if Cursor::decode(cursor).is_some() => Some(cursor),
        _ => None,
    }
}
