//! Server-sent events, in graphql-sse's distinct connections mode: one operation per request, one
//! event per result.
//!
//! The event of an update has its cursor as `id`. To resume, a client sends it back as
//! `Last-Event-ID`, which takes precedence over the `after` of the request, because clients repeat
//! the original request.

use std::convert::Infallible;

use async_graphql::{ServerError, Value, parser::types::OperationType};
use axum::{
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
    Http, close_reason,
    graphql::{Refusal, execute},
};
use crate::{
    app::App,
    auth::Actor,
    budget::Holder,
    error::Error,
    gate::{Prepared, is_lost},
    graphql::LastCursor,
    inbox::live::{Cursor, Outlet},
};

pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The results of an operation.
pub fn stream(
    http: Http,
    mut prepared: Prepared,
    actor: Option<Actor>,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let app = http.app.clone();
    if prepared.kind != OperationType::Subscription {
        return Ok(show(&app, result(async move { execute(&http, prepared).await.response })));
    }
    if let Some(cursor) = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()) {
        prepared = prepared.with(LastCursor(cursor.to_owned()));
    }
    let outlet = Outlet::new(http.answers.clone(), Holder::of(actor.as_ref()));
    let updates = events(prepared.with(outlet).follow(&http.schemas.metered));
    let slot = http.sockets.take(actor.as_ref());
    let slot =
        slot.ok_or_else(|| Error::LimitExceeded("too many event streams at the same time".into()))?;
    let must_close = async move {
        let _slot = slot;
        close_reason::wait(http, actor).await
    };
    // Without a last event: the client should reconnect, and then learns the reason.
    Ok(show(&app, updates.take_until(must_close)))
}

/// An operation that cannot be executed. Sent as an event, because a browser's `EventSource` shows
/// no other answer.
pub fn refuse(app: &App, error: ServerError) -> Response {
    show(app, result(future::ready(async_graphql::Response::from_errors(vec![error]))))
}

fn result(result: impl Future<Output = async_graphql::Response>) -> impl Stream<Item = Event> {
    let next = |result| Event::default().event("next").data(serde_json::json!(result).to_string());
    stream::once(async move { next(result.await) }).chain(stream::once(future::ready(complete())))
}

/// The events of a subscription. No last event if it cannot continue now: the client should
/// reconnect, as when the stream ends.
fn events(updates: impl Stream<Item = async_graphql::Response>) -> impl Stream<Item = Event> {
    let has_failed = false;
    stream::unfold(Some((Box::pin(updates), has_failed)), |state| async move {
        let (mut updates, has_failed) = state?;
        match updates.next().await {
            Some(update) if is_lost(&update) => None,
            Some(update) => {
                let has_failed = !update.errors.is_empty();
                Some((event(&update), Some((updates, has_failed))))
            }
            None => has_failed.then(|| (complete(), None)),
        }
    })
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
    (unbuffered, Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(heartbeats)).into_response()
}

fn event(update: &async_graphql::Response) -> Event {
    let event = Event::default().event("next").data(serde_json::json!(update).to_string());
    match cursor(&update.data) {
        Some(cursor) => event.id(cursor),
        None => event,
    }
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
