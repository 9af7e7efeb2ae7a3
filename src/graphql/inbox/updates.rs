//! An inbox's history, as `inboxUpdated` and `Inbox.changes` tell it.

use async_graphql::{Context, Enum, ID, Object, Result, SimpleObject, Subscription};
use tokio_stream::{Stream, StreamExt};

use super::{
    InboxCounts,
    items::{InboxItem, texts},
};
use crate::{
    graphql::{actor, app, last_cursor, list_size, outlet},
    id::Kind,
    inbox::{
        Item, Position,
        live::{self, Cursor, ResyncReason, Start},
    },
    notifications::pull,
};

/// One step of an inbox's history: what changed since the cursor before it, each item once, in its newest state.
pub struct InboxUpdate(pub live::Update);

/// One step of an inbox's history: what changed since the cursor before it, each item once, in its newest state.
#[Object]
impl InboxUpdate {
    /// Keep it; give it back as `after`.
    async fn cursor(&self, ctx: &Context<'_>) -> String {
        Cursor::encode(&app(ctx).epoch, self.0.position)
    }

    /// How much there is, in the same state as `cursor`.
    async fn counts(&self) -> InboxCounts {
        InboxCounts(self.0.head.clone())
    }

    /// At most 100; the oldest change first.
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
            let item_id = Kind::InboxItem.encode(row.id).into();
            InboxChange {
                change,
                item_id,
                item: row.removed_at.is_none().then(|| InboxItem(item.clone())),
            }
        };
        self.0.items.iter().map(change).collect()
    }

    /// Nothing more is known to the server at this moment.
    async fn caught_up(&self) -> bool {
        self.0.caught_up
    }

    /// Not null: the history cannot be continued from `after`. Fetch the inbox anew, then go on from `cursor`.
    async fn resync(&self) -> Option<ResyncReason> {
        self.0.resync
    }
}

/// What happened to one item.
#[derive(SimpleObject)]
pub struct InboxChange {
    /// What happened, as far as a client must know. An item may be new to a client that hears of it as UPDATED.
    #[graphql(name = "type")]
    change: InboxChangeType,
    /// The item, also when it is gone.
    item_id: ID,
    /// Its newest state; null when it is gone.
    item: Option<InboxItem>,
}

/// What happened to an item.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum InboxChangeType {
    /// It is new, or has grown by an activity: worth a toast.
    Arrived,
    /// Its owner is reminded of it: worth a toast.
    Reminded,
    /// It was read, moved, or came back, or shows something else.
    Updated,
    /// It is gone for good.
    Removed,
}

#[derive(Default)]
pub struct InboxSubscription;

#[Subscription]
impl InboxSubscription {
    /// The viewer's inbox as it changes. With the last `cursor` as `after`, every change since then comes, in order, none
    /// missing; without it, what happens from now on, after an empty update that tells the position.
    async fn inbox_updated(
        &self,
        ctx: &Context<'_>,
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<InboxUpdate>> + use<>> {
        let app = app(ctx).clone();
        let owner = actor(ctx)?.person()?.id;
        let start = Start::of(&app.epoch, last_cursor(ctx, after).as_deref())?;
        // Before the pull: what is created from here on is taken in for who is connected.
        let updates =
            live::follow(app.live.clone(), outlet(ctx)?, owner, start, texts(ctx.field()));
        pull::on_connect(&app, owner).await?;
        Ok(updates.map(|update| Ok(InboxUpdate(update?))))
    }
}
