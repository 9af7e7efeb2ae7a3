use async_graphql::{Context, ID, Object, Subscription};
use tokio_stream::{Stream, StreamExt};

use super::message::Message;
use crate::{
    error::Result,
    graphql::{actor, app, last_cursor, list_size, outlet},
    id,
    inbox::{
        Position,
        live::{Cursor, ResyncReason, Start},
    },
    messages::{
        self,
        threads::{self, Update},
    },
};

/// One step of a thread's history: what is new or changed after the previous cursor. Each message
/// appears once.
pub struct ThreadUpdate(Update);

/// One step of a thread's history: what is new or changed after the previous cursor. Each message
/// appears once.
#[Object]
impl ThreadUpdate {
    /// Keep it and pass it back as `after`.
    async fn cursor(&self, ctx: &Context<'_>) -> String {
        Cursor::encode(&app(ctx).epoch, Position::end(self.0.seq))
    }

    /// Replies that are new to the viewer, and messages whose expiry changed. At most 100, oldest
    /// change first.
    #[graphql(directive = list_size::apply(100))]
    async fn messages(&self) -> Vec<Message> {
        self.0.messages.iter().cloned().map(Message::from).collect()
    }

    /// True if the server knows of nothing newer at this moment.
    async fn caught_up(&self) -> bool {
        self.0.caught_up
    }

    /// If not null, the history cannot be continued from `after`: fetch the thread again, then
    /// continue from `cursor`.
    async fn resync(&self) -> Option<ResyncReason> {
        self.0.resync
    }
}

#[derive(Default)]
pub struct ThreadSubscription;

#[Subscription]
impl ThreadSubscription {
    /// A thread as it grows, for anyone who may see its first message. It resumes from a cursor in
    /// the same way as `inboxUpdated`.
    async fn thread_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the first message, or of any message of the thread.")]
        root_id: ID,
        #[graphql(desc = "The last `cursor` that the client has. If omitted, from now on.")]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<ThreadUpdate>> + use<>> {
        let (app, actor) = (app(ctx).clone(), actor(ctx)?);
        let (root, _) = messages::find(&app, actor, id::decode(&root_id)?).await?;
        let start = Start::of(&app.epoch, last_cursor(ctx, after).as_deref())?;
        let updates = threads::follow(app, outlet(ctx)?, actor.reader(), root.root(), start);
        Ok(updates.map(|update| Ok(ThreadUpdate(update?))))
    }
}
