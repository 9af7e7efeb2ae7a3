//! An inbox's history, as `inboxUpdated` and `Inbox.changes` tell it.
//!
//! What happened to an item follows from the item and the reader's position: it is REMOVED if it
//! has been removed, ARRIVED if it has arrived since the position, REMINDED if its owner was
//! reminded since, and else UPDATED.

use async_graphql::{ComplexObject, Context, Enum, ID, Object, SimpleObject, Subscription};
use tokio_stream::{Stream, StreamExt};

use super::{
    InboxCounts,
    items::{InboxItem, texts},
    thread::InboxThread,
};
use crate::{
    error::Result,
    graphql::{actor, app, last_cursor, list_size, outlet},
    id,
    inbox::{
        Item, Position,
        live::{self, Cursor, ResyncReason, Start},
    },
    notifications::pull,
};

/// One step of an inbox's history: what changed after the previous cursor. Each item appears once,
/// in its newest state.
pub struct InboxUpdate(pub live::Update);

/// One step of an inbox's history: what changed after the previous cursor. Each item appears once,
/// in its newest state.
#[Object]
impl InboxUpdate {
    /// Keep it and pass it back as `after`.
    async fn cursor(&self, ctx: &Context<'_>) -> String {
        Cursor::encode(&app(ctx).epoch, self.0.position)
    }

    /// The counts, from the same state as `cursor`.
    async fn counts(&self) -> InboxCounts {
        InboxCounts(self.0.head.clone())
    }

    /// At most 100, oldest change first.
    #[graphql(directive = list_size::apply(100))]
    async fn changes(&self) -> Vec<InboxChange> {
        let since = self.0.since;
        let change = |item: &Item| {
            let row = &item.row;
            let is_new = |seq| Position { seq, item: row.id } > since;
            let change = match row.removed_at {
                Some(_) => InboxChangeType::Removed,
                None if is_new(row.arrived_seq) => InboxChangeType::Arrived,
                None if row.reminded_seq.is_some_and(is_new) => InboxChangeType::Reminded,
                None => InboxChangeType::Updated,
            };
            let item_id = id::encode(row.id).into();
            InboxChange {
                change,
                item_id,
                item: row.removed_at.is_none().then(|| InboxItem(item.clone())),
                about: item.clone(),
            }
        };
        self.0.items.iter().map(change).collect()
    }

    /// True if the server knows of nothing newer at this moment.
    async fn caught_up(&self) -> bool {
        self.0.caught_up
    }

    /// If not null, the history cannot be continued from `after`: fetch the inbox again, then
    /// continue from `cursor`.
    async fn resync(&self) -> Option<ResyncReason> {
        self.0.resync
    }
}

/// A change of one item.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct InboxChange {
    /// What happened, as far as clients need to know. An item reported as UPDATED may be one that
    /// the client has not seen before.
    #[graphql(name = "type")]
    change: InboxChangeType,
    /// The item's id, also if it was removed.
    item_id: ID,
    /// The item's newest state; null if it was removed.
    item: Option<InboxItem>,
    /// The item, also if it was removed.
    #[graphql(skip)]
    about: Item,
}

#[ComplexObject]
impl InboxChange {
    /// For a message: its thread after the change, also if the item was removed. The thread's other
    /// items do not change with it: a cache finds the thread by its id. Null for other kinds, and
    /// for a message that was deleted for good: all items of its thread are removed then.
    async fn thread(&self, ctx: &Context<'_>) -> Result<Option<InboxThread>> {
        InboxThread::of(ctx, &self.about).await
    }
}

/// What happened to an item.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum InboxChangeType {
    /// The item is new, or a new activity joined it: worth a toast.
    Arrived,
    /// The item's owner is reminded of it: worth a toast.
    Reminded,
    /// The item was read, moved or brought back, or its content changed.
    Updated,
    /// The item was removed for good.
    Removed,
}

#[derive(Default)]
pub struct InboxSubscription;

#[Subscription]
impl InboxSubscription {
    /// The viewer's inbox as it changes. With the last `cursor` as `after`, delivers every change
    /// since then, in order, without gaps. Without it, starts with an empty update that gives the
    /// current position, followed by every change from then on.
    async fn inbox_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The last `cursor` that the client has. If omitted, from now on.")]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<InboxUpdate>> + use<>> {
        let app = app(ctx).clone();
        let owner = actor(ctx)?.person()?.id;
        let start = Start::of(&app.epoch, last_cursor(ctx, after).as_deref())?;
        // Before the pull: from here on, new activities are taken in for everybody connected.
        let updates =
            live::follow(app.live.clone(), outlet(ctx)?, owner, start, texts(ctx.field()));
        // Boxed: otherwise the stream would keep room for it as long as it lasts.
        Box::pin(pull::on_connect(&app, owner)).await?;
        Ok(updates.map(|update| Ok(InboxUpdate(update?))))
    }
}
