//! One operation of a socket, in a task of its own.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{Response, ServerError, Value, parser::types::OperationType};
use futures_util::FutureExt;
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
};
use tokio_stream::{Stream, StreamExt};
use tracing::Instrument;

use super::protocol::ServerMessage;
use crate::{
    error::Error,
    gate::{Prepared, is_lost, is_refused},
    http::{
        Http,
        graphql::{Executed, execute},
    },
    inbox::live::Outlet,
};

/// The way of results to the socket.
pub type Results = mpsc::Sender<Box<OfOperation>>;

/// What an operation has for the client.
pub struct OfOperation {
    /// That it is this operation's, and not one's that had the same id before, is told by the pointer.
    pub id: Arc<str>,
    pub outcome: Outcome,
    /// Dropped when the client has it: the operation goes on then.
    _taken: oneshot::Sender<()>,
}

pub enum Outcome {
    /// The text of a result.
    Next(String),
    /// It could not even begin.
    Error(Vec<ServerError>),
    Complete,
    /// It has to end, and would go on if the client came back.
    Lost,
}

/// Ends when it is dropped, unless it is a mutation: that runs to its end (P10).
pub struct Operation {
    task: AbortHandle,
    kind: OperationType,
}

impl Operation {
    pub fn start(
        http: &Http,
        id: Arc<str>,
        prepared: Prepared,
        outlet: Outlet,
        results: Results,
    ) -> Self {
        let kind = prepared.kind;
        let channel = Channel { id, kind, results };
        let task = match kind {
            OperationType::Subscription => {
                let updates = prepared.with(outlet).follow(&http.schema);
                channel.clone().run(http, follow(updates, channel))
            }
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
    kind: OperationType,
    results: Results,
}

impl Channel {
    /// Returns when the client has it; false when nobody listens any more.
    async fn send(&self, outcome: Outcome) -> bool {
        let (_taken, taken) = oneshot::channel();
        let result = OfOperation { id: self.id.clone(), outcome, _taken };
        let is_sent = self.results.send(Box::new(result)).await.is_ok();
        let _ = taken.await;
        is_sent
    }

    /// As the text alone: what it was made of is not held while it waits.
    async fn next(&self, response: Response) -> bool {
        match ServerMessage::next(&self.id, &response) {
            Ok(text) => {
                drop(response);
                self.send(Outcome::Next(text)).await
            }
            Err(error) => {
                self.send(Outcome::Error(vec![defect(Error::internal(error))])).await;
                false
            }
        }
    }

    /// Runs an operation; the client hears of it when it panics.
    fn run(self, http: &Http, operation: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let operation = AssertUnwindSafe(operation).catch_unwind().then(async move |outcome| {
            if let Err(panic) = outcome {
                let error = defect(Error::panicked(panic));
                self.send(match self.kind {
                    OperationType::Subscription => Outcome::Lost,
                    _ => Outcome::Error(vec![error]),
                })
                .await;
            }
        });
        // Tracked like the sockets: the database stays open until a mutation is through.
        http.tasks.spawn(operation.in_current_span()).abort_handle()
    }
}

/// The error of a defect, which is logged.
fn defect(error: Error) -> ServerError {
    async_graphql::Error::from(error).into_server_error(Default::default())
}

/// A query or mutation.
async fn answer(http: Http, prepared: Prepared, client: Channel) {
    // Held until the client has it.
    let Executed { response, permit: _permit, .. } = execute(&http, prepared).await;
    if is_refused(&response) {
        client.send(Outcome::Error(response.errors)).await;
    } else if client.next(response).await {
        client.send(Outcome::Complete).await;
    }
}

async fn follow(updates: impl Stream<Item = Response>, client: Channel) {
    tokio::pin!(updates);
    let (mut is_first, mut has_failed) = (true, false);
    while let Some(update) = updates.next().await {
        if is_lost(&update) {
            client.send(Outcome::Lost).await;
            return;
        }
        // No stream came of it.
        if is_first && update.data == Value::Null && !update.errors.is_empty() {
            client.send(Outcome::Error(update.errors)).await;
            return;
        }
        (is_first, has_failed) = (false, !update.errors.is_empty());
        if !client.next(update).await {
            return;
        }
    }
    // There is no end of what can be followed but by an error: clients take `complete` for good.
    client.send(if has_failed { Outcome::Complete } else { Outcome::Lost }).await;
}
