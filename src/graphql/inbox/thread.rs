//! Threads of messages, as an inbox has them.

use ::entity::{
    id::{MessageId, UserId},
    message::Reader,
};
use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject};

use super::{
    Inbox,
    marking::{change_found, cursor, own},
};
use crate::{
    error::{Error, Result},
    graphql::{
        actor, app, loader,
        loaders::{ThreadIn, VisibleMessage},
        messages::message::Message,
    },
    id,
    inbox::{self, Change, Filter, InboxView, Item},
    messages::threads,
};

/// A thread of messages, as far as it is in an inbox. All items of the thread show the same one,
/// and it changes with any of them. It has an id so that a normalised cache updates all of them. A
/// thread goes with its last item.
pub struct InboxThread(pub inbox::Thread);

/// A thread of messages, as far as it is in an inbox. All items of the thread show the same one,
/// and it changes with any of them. It has an id so that a normalised cache updates all of them. A
/// thread goes with its last item.
#[Object]
impl InboxThread {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::of_thread(self.0.owner, self.0.root).into()
    }

    /// The first message of the thread; null if the owner of the inbox may not see it.
    async fn root(&self, ctx: &Context<'_>) -> Result<Option<Message>> {
        let root = VisibleMessage(Reader::User(self.0.owner), self.0.root);
        Ok(loader(ctx).load_one(root).await?.map(Message::from))
    }

    /// How many of its messages are in the inbox, in any view; at most 1 000. Of a longer thread,
    /// the first message and the 999 that were sent or changed last are counted.
    async fn message_count(&self) -> i32 {
        self.0.messages as i32
    }

    /// How many of the counted messages are unread, in any view.
    async fn unread_count(&self) -> i32 {
        self.0.unread as i32
    }

    /// Whether the owner of the inbox has muted it.
    async fn is_muted(&self) -> bool {
        self.0.is_muted
    }
}

impl InboxThread {
    /// The thread below this message, if it is in the person's inbox and the caller may see what is
    /// private to them.
    pub async fn find(ctx: &Context<'_>, owner: UserId, root: MessageId) -> Result<Option<Self>> {
        if !actor(ctx)?.may_see_private(owner) {
            return Ok(None);
        }
        let thread = loader(ctx).load_one(ThreadIn { owner, root }).await?;
        Ok(thread.filter(|thread| thread.messages > 0).map(InboxThread))
    }

    /// The thread of an item; None if it is not about a message, or was erased.
    pub async fn of(ctx: &Context<'_>, item: &Item) -> Result<Option<Self>> {
        let Some(message) = item.message() else { return Ok(None) };
        let key = ThreadIn { owner: item.row.user_id, root: message.root() };
        Ok(loader(ctx).load_one(key).await?.map(InboxThread))
    }
}

/// A thread.
#[derive(InputObject)]
pub struct InboxThreadInput {
    /// The first message of the thread, or any other message of it that the viewer sent or
    /// received.
    root_id: ID,
}

/// A thread after a change.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct InboxThreadPayload {
    /// The thread, as it is in the viewer's inbox.
    thread: InboxThread,
}

#[ComplexObject]
impl InboxThreadPayload {
    /// The inbox after the change.
    async fn inbox(&self, ctx: &Context<'_>) -> Result<Inbox> {
        own(ctx).await
    }
}

/// A thread after its messages were marked.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct MarkThreadPayload {
    /// How many items were changed.
    affected_count: i32,
    /// The change that was made, for `undo`; null if there was nothing to change.
    cursor: Option<String>,
    /// The thread, as it is in the viewer's inbox.
    thread: InboxThread,
}

#[ComplexObject]
impl MarkThreadPayload {
    /// The inbox after the change.
    async fn inbox(&self, ctx: &Context<'_>) -> Result<Inbox> {
        own(ctx).await
    }
}

/// A thread in the inbox of the person who acts.
async fn own_thread(ctx: &Context<'_>, root: MessageId) -> Result<InboxThread> {
    let key = ThreadIn { owner: actor(ctx)?.person()?.id, root };
    let found = loader(ctx).load_one(key).await?;
    found.map(InboxThread).ok_or(Error::NotFound("thread"))
}

async fn mute(
    ctx: &Context<'_>,
    input: InboxThreadInput,
    is_muted: bool,
) -> Result<Option<InboxThreadPayload>> {
    let root = threads::mute(app(ctx), actor(ctx)?, &input.root_id, is_muted).await?;
    Ok(Some(InboxThreadPayload { thread: own_thread(ctx, root).await? }))
}

#[derive(Default)]
pub struct InboxThreadMutation;

#[Object]
impl InboxThreadMutation {
    /// Marks all messages of a thread that are in the viewer's inbox, in any view, as read, and so
    /// also as seen.
    async fn mark_thread_read(
        &self,
        ctx: &Context<'_>,
        input: InboxThreadInput,
    ) -> Result<Option<MarkThreadPayload>> {
        let root = threads::root_of(app(ctx), actor(ctx)?.person()?.id, &input.root_id).await?;
        let filter = Filter { view: InboxView::All, thread: Some(root), ..Filter::default() };
        let changed = change_found(ctx, filter, None, Change::Read).await?;
        Ok(Some(MarkThreadPayload {
            affected_count: changed.count as i32,
            cursor: cursor(ctx, &changed),
            thread: own_thread(ctx, root).await?,
        }))
    }

    /// Mutes a thread for the viewer: what comes into it from now on is archived, read and seen
    /// from the beginning, so it is found in the views ARCHIVED and ALL, and counts nowhere as new.
    /// The thread no longer sends reminders, except those of a campaign that deactivates people.
    /// What is in the inbox stays as it is. Senders do not learn of it, and see as read only what
    /// the viewer marks as read. Idempotent.
    async fn mute_thread(
        &self,
        ctx: &Context<'_>,
        input: InboxThreadInput,
    ) -> Result<Option<InboxThreadPayload>> {
        mute(ctx, input, true).await
    }

    /// Ends the muting of a thread. What came in meanwhile stays archived. Idempotent.
    async fn unmute_thread(
        &self,
        ctx: &Context<'_>,
        input: InboxThreadInput,
    ) -> Result<Option<InboxThreadPayload>> {
        mute(ctx, input, false).await
    }
}
