//! One operation of a socket, in a task of its own.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{Response, ServerError, Value, parser::types::OperationType};
use futures_util::FutureExt;
use tokio::{sync::mpsc, task::AbortHandle};
use tokio_stream::{Stream, StreamExt};
use tracing::Instrument;

use crate::{
    error::Error,
    graphql::{Prepared, is_refused},
    http::{
        Http,
        graphql::{Executed, execute},
    },
};

/// What an operation has for the client, with its id. That it is this operation's, and not one's that had the same id
/// before, is told by the pointer.
pub type Results = mpsc::Sender<Box<(Arc<str>, Outcome)>>;

pub enum Outcome {
    Next(Response),
    /// It could not even begin.
    Error(Vec<ServerError>),
    Complete,
}

/// Ends when it is dropped, unless it is a mutation: that runs to its end (P10).
pub struct Operation {
    task: AbortHandle,
    kind: OperationType,
}

impl Operation {
    pub fn start(http: &Http, id: Arc<str>, prepared: Prepared, results: Results) -> Self {
        let kind = prepared.kind;
        let channel = Channel { id, results };
        let task = match kind {
            OperationType::Subscription => channel.clone().run(http, follow(prepared.follow(&http.schema), channel)),
            _ => channel.clone().run(http, answer(http.clone(), prepared, channel)),
        };
        Operation { task, kind }
    }
}

impl Operation {
    /// A mutation that is not through yet.
    pub fn runs_on(&self) -> bool {
        self.kind == OperationType::Mutation && !self.task.is_finished()
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if self.kind != OperationType::Mutation {
            self.task.abort();
        }
    }
}

/// The way to the client.
#[derive(Clone)]
struct Channel {
    id: Arc<str>,
    results: Results,
}

impl Channel {
    /// False when nobody listens any more.
    async fn send(&self, outcome: Outcome) -> bool {
        self.results.send(Box::new((self.id.clone(), outcome))).await.is_ok()
    }

    /// Runs an operation; the client hears of it when it panics.
    fn run(self, http: &Http, operation: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let operation = AssertUnwindSafe(operation).catch_unwind().then(async move |outcome| {
            if let Err(panic) = outcome {
                let error: async_graphql::Error = Error::internal(panic).into();
                self.send(Outcome::Error(vec![error.into_server_error(Default::default())])).await;
            }
        });
        // Tracked like the sockets: the database stays open until a mutation is through.
        http.tasks.spawn(operation.in_current_span()).abort_handle()
    }
}

/// A query or mutation.
async fn answer(http: Http, prepared: Prepared, client: Channel) {
    // Held until the client has it.
    let Executed { response, permit: _permit, .. } = execute(&http, prepared).await;
    if is_refused(&response) {
        client.send(Outcome::Error(response.errors)).await;
    } else if client.send(Outcome::Next(response)).await {
        client.send(Outcome::Complete).await;
    }
}

async fn follow(updates: impl Stream<Item = Response>, client: Channel) {
    tokio::pin!(updates);
    let mut is_first = true;
    while let Some(update) = updates.next().await {
        // No stream came of it.
        if is_first && update.data == Value::Null && !update.errors.is_empty() {
            client.send(Outcome::Error(update.errors)).await;
            return;
        }
        is_first = false;
        if !client.send(Outcome::Next(update)).await {
            return;
        }
    }
    client.send(Outcome::Complete).await;
}
