//! What an execution produces, counted while it does so: at each field, the bytes that its value
//! takes in the answer's JSON.
//!
//! - An answer, or an update of a subscription, that exceeds the limit stops the whole execution at
//!   that point, and is replaced by an error. This does not cut mutations short: they are executed
//!   one after the other, so what is too large is the payload of a completed one. Later mutations
//!   of the document are not started.
//! - An execution that finds everything in memory never waits by itself. After each [`TURN`] it
//!   yields the thread, so that others can run and a deadline can end it. A turn is measured by
//!   work, not by time, so it always ends at the same field, and loaders batch as many rows on a
//!   slow machine as on a fast one.
//!
//! This is an async-graphql extension, because nothing else is called at every field. That costs time
//! for each, so small requests ([`Prepared::is_small`]) are executed by a schema without it.
//!
//! [`Prepared::is_small`]: super::Prepared::is_small

use std::{
    future::{pending, poll_fn},
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use async_graphql::{
    Name, PathSegment, QueryPathNode, QueryPathSegment, Response, ServerResult, Value,
    async_trait::async_trait,
    extensions::{
        Extension, ExtensionContext, ExtensionFactory, NextExecute, NextResolve, ResolveInfo,
    },
};

use super::{code::ErrorCode, errors::refusal};

/// How many fields an execution may resolve before it yields the thread: more than a page of a
/// hundred items has, and a few milliseconds of work.
const TURN: u64 = 4_096;
/// Each time a text exceeds this many bytes, it counts as one more field.
const BYTES_PER_FIELD: u64 = 1_024;

/// For one request; a subscription starts over with each update.
pub struct Meter {
    limit: u64,
    bytes: AtomicU64,
    /// Where the limit was exceeded.
    crossed: OnceLock<Vec<PathSegment>>,
    /// Fields resolved in this turn.
    work: AtomicU64,
}

impl Meter {
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Meter {
            limit,
            bytes: AtomicU64::new(0),
            crossed: OnceLock::new(),
            work: AtomicU64::new(0),
        })
    }

    /// Bytes of the answer, or of the latest update.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn is_crossed(&self) -> bool {
        self.crossed.get().is_some()
    }

    /// Never returns if this exceeds the limit.
    async fn count(&self, bytes: u64, at: &QueryPathNode<'_>) {
        self.work.fetch_add(1 + bytes / BYTES_PER_FIELD, Ordering::Relaxed);
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > self.limit {
            let _ = self.crossed.set(path(at));
            pending().await
        }
    }

    fn begin_turn(&self) {
        self.work.store(0, Ordering::Relaxed);
    }

    /// Returns at once, or in the next turn if this one's work is used up.
    async fn in_turn(&self) {
        while self.work.load(Ordering::Relaxed) > TURN {
            tokio::task::yield_now().await;
        }
    }

    fn too_large(&self) -> Response {
        let message = format!("the answer would exceed {} bytes; ask for less", self.limit);
        let mut error = refusal(message, ErrorCode::AnswerTooLarge);
        // The request was executed, so the answer has an empty `data`, as if a non-null field had
        // failed.
        error.path = self.crossed.get().cloned().unwrap_or_default();
        Response::from_errors(vec![error])
    }
}

fn path(node: &QueryPathNode<'_>) -> Vec<PathSegment> {
    let nodes = std::iter::once(node).chain(node.parents());
    let segment = |node: &QueryPathNode<'_>| match node.segment {
        QueryPathSegment::Index(index) => PathSegment::Index(index),
        QueryPathSegment::Name(name) => PathSegment::Field(name.to_owned()),
    };
    let mut path: Vec<_> = nodes.map(segment).collect();
    path.reverse();
    path
}

/// Gives each request that has a [`Meter`] its extension.
pub struct Metering;

impl ExtensionFactory for Metering {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Metered::default())
    }
}

#[derive(Default)]
struct Metered(OnceLock<Arc<Meter>>);

#[async_trait]
impl Extension for Metered {
    /// For a query or mutation, or for one update of a subscription.
    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let Some(meter) = ctx.data_opt::<Arc<Meter>>() else {
            return next.run(ctx, operation).await;
        };
        let meter = self.0.get_or_init(|| meter.clone());
        meter.bytes.store(0, Ordering::Relaxed);
        let mut execution = pin!(next.run(ctx, operation));
        poll_fn(|cx| {
            meter.begin_turn();
            match execution.as_mut().poll(cx) {
                Poll::Pending if meter.is_crossed() => Poll::Ready(meter.too_large()),
                outcome => outcome,
            }
        })
        .await
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let Some(meter) = self.0.get() else { return next.run(ctx, info).await };
        if meter.is_crossed() {
            return pending().await;
        }
        meter.in_turn().await;
        let at = *info.path_node;
        let is_leaf = info.field.selection_set.node.items.is_empty();
        let outcome = next.run(ctx, info).await;
        let bytes = match &outcome {
            Ok(value) => bytes_of(value.as_ref().unwrap_or(&Value::Null), &at, is_leaf),
            Err(error) => error_size(&error.message, &at),
        };
        meter.count(bytes, &at).await;
        outcome
    }
}

/// What a value adds to the answer, in addition to what its parts have added.
fn bytes_of(value: &Value, at: &QueryPathNode<'_>, is_leaf: bool) -> u64 {
    match (value, at.segment) {
        // The elements of a list of leaves are counted together with the list.
        (_, QueryPathSegment::Index(_)) if is_leaf => 0,
        (value, QueryPathSegment::Name(_)) if is_leaf => size(value),
        // Brackets and commas. Keys are counted here, because `__typename` passes nowhere else.
        (Value::Object(fields), _) => {
            fields.keys().map(key_size).sum::<u64>() + brackets(fields.len())
        }
        (Value::List(values), _) => brackets(values.len()),
        _ => size(value),
    }
}

/// The size of an error, which includes its path.
fn error_size(message: &str, at: &QueryPathNode<'_>) -> u64 {
    const REST: usize = 100;
    let segments = std::iter::once(at).chain(at.parents());
    let path = segments.map(|node| match node.segment {
        QueryPathSegment::Index(_) => 4,
        QueryPathSegment::Name(name) => name.len() + 3,
    });
    (message.len() + path.sum::<usize>() + REST) as u64
}

/// The size of a value as JSON.
fn size(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Boolean(true) => 4,
        Value::Boolean(false) => 5,
        Value::Number(number) => number.to_string().len() as u64,
        Value::String(text) => text_size(text),
        Value::Enum(name) => name.len() as u64 + 2,
        Value::Binary(bytes) => bytes.len() as u64 * 4 + 2,
        Value::List(values) => values.iter().map(size).sum::<u64>() + brackets(values.len()),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| key_size(key) + size(value)).sum::<u64>()
                + brackets(fields.len())
        }
    }
}

/// The size of a key with its quotes and colon.
fn key_size(key: &Name) -> u64 {
    key.len() as u64 + 3
}

/// The size of the brackets around this many values and of the commas between them.
fn brackets(values: usize) -> u64 {
    1 + values.max(1) as u64
}

/// The size of a text with its quotes and escapes, as serde_json writes them.
fn text_size(text: &str) -> u64 {
    let more = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => 5,
        _ => 0,
    });
    2 + text.len() as u64 + more.sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_serde_json() {
        let every_byte: String = (0..=255u8).map(char::from).collect();
        for value in [
            Value::from(every_byte.as_str()),
            Value::from("🙂"),
            Value::from(-17),
            Value::from(1.5),
            Value::from(true),
            Value::from(false),
            Value::Null,
            Value::List(vec![]),
            Value::from_json(
                serde_json::json!([1, "a\n", [], {}, {"a": null, "b": [true, {"c": "d"}]}]),
            )
            .unwrap(),
        ] {
            assert_eq!(
                size(&value),
                serde_json::to_string(&value).unwrap().len() as u64,
                "{value}"
            );
        }
    }
}
