//! One operation of a socket, in its own task.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use async_graphql::{Response, ServerError, Value, parser::types::OperationType};
use futures_util::FutureExt;
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
};
use tokio_stream::StreamExt;

use super::protocol::ServerMessage;
use crate::{
    error::Error,
    gate::{Prepared, is_lost, is_refused},
    http::{
        Http,
        access::{self, About, FAILED, INTERRUPTED, Reason, Stream},
        graphql::{Executed, execute},
    },
    inbox::live::Outlet,
    metrics::Transport,
    traces::{Carry, Span, now_at},
};

/// The channel that takes results to the socket.
pub type Results = mpsc::Sender<Box<OfOperation>>;

/// What an operation sends to the client.
pub struct OfOperation {
    /// Compared by pointer, to tell this operation from an earlier one with the same id.
    pub id: Arc<str>,
    pub outcome: Outcome,
    /// Dropped when the client has received it; the operation then continues.
    _taken: oneshot::Sender<()>,
}

pub enum Outcome {
    /// The text of a result.
    Next(String),
    /// The operation could not be started.
    Error(Vec<ServerError>),
    Complete,
    /// The operation must end here, but can continue after the client has reconnected.
    Lost,
}

/// Dropping it ends the operation, unless it is a mutation: those run to their end (P10).
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
        about: About,
        trace: Span,
    ) -> Self {
        let place = trace.place();
        let kind = prepared.kind;
        let channel = Channel { id, kind, results };
        let task = now_at(place, || match kind {
            OperationType::Subscription => {
                let updates = prepared.with(outlet).follow(&http.schemas.metered);
                let (app, reason) = (&http.app, Reason::default());
                let account = Stream::new(app, about, trace, Transport::Websocket, reason);
                // Boxed, because it is moved from future to future, and each reserves room for it.
                let account = Box::new(account);
                channel.clone().run(http, follow(updates, channel, account))
            }
            _ => channel.clone().run(http, answer(http.clone(), prepared, channel, about, trace)),
        });
        Operation { task, kind }
    }
}

impl Operation {
    /// Whether this is a mutation that has not finished.
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

/// The operation's connection to its client.
#[derive(Clone)]
struct Channel {
    id: Arc<str>,
    kind: OperationType,
    results: Results,
}

impl Channel {
    /// Returns when the client has received it: whether the operation goes on.
    async fn send(&self, outcome: Outcome) -> bool {
        let is_result = matches!(outcome, Outcome::Next(_));
        let (_taken, taken) = oneshot::channel();
        let result = OfOperation { id: self.id.clone(), outcome, _taken };
        let is_sent = self.results.send(Box::new(result)).await.is_ok();
        let _ = taken.await;
        is_sent && is_result
    }

    /// A result as its text: the values that it is made from are not kept while it waits. Its size
    /// is noted.
    fn next(&self, response: Response, note: impl FnOnce(&Response, usize)) -> Outcome {
        match ServerMessage::next(&self.id, &response) {
            Ok(text) => {
                note(&response, text.len());
                Outcome::Next(text)
            }
            Err(error) => Outcome::Error(vec![defect(Error::internal(error))]),
        }
    }

    /// Runs an operation; the client is told if it panics.
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
        // Tracked like the sockets: the database stays open until a mutation has finished.
        http.tasks.spawn(operation.carried()).abort_handle()
    }
}

/// The error of a defect, which is logged.
fn defect(error: Error) -> ServerError {
    async_graphql::Error::from(error).into_server_error(Default::default())
}

/// A query or mutation.
async fn answer(http: Http, prepared: Prepared, client: Channel, mut about: About, trace: Span) {
    let since = Instant::now();
    // Held until the client has received it.
    let Executed { response, permit: _permit, .. } = execute(&http, prepared).await;
    about.fail(&response.errors);
    let note = |bytes| access::operation(&http.app, &about, trace, since.elapsed(), bytes as u64);
    if is_refused(&response) {
        note(0);
        client.send(Outcome::Error(response.errors)).await;
    } else if client.send(client.next(response, |_, bytes| note(bytes))).await {
        client.send(Outcome::Complete).await;
    }
}

async fn follow(
    updates: impl tokio_stream::Stream<Item = Response>,
    client: Channel,
    mut account: Box<Stream>,
) {
    tokio::pin!(updates);
    let (mut is_first, mut has_failed) = (true, false);
    while let Some(update) = updates.next().await {
        if is_lost(&update) {
            account.fail(&update.errors);
            account.end(INTERRUPTED);
            client.send(Outcome::Lost).await;
            return;
        }
        // No stream was started.
        if is_first && update.data == Value::Null && !update.errors.is_empty() {
            account.fail(&update.errors);
            account.end(FAILED);
            client.send(Outcome::Error(update.errors)).await;
            return;
        }
        (is_first, has_failed) = (false, !update.errors.is_empty());
        let result = client.next(update, |update, bytes| account.send(&update.errors, bytes));
        if !client.send(result).await {
            return;
        }
    }
    // A subscription ends only with an error: clients would take `complete` as final.
    account.end(if has_failed { FAILED } else { INTERRUPTED });
    client.send(if has_failed { Outcome::Complete } else { Outcome::Lost }).await;
}
