//! What people do with the items of their inbox.

use ::entity::inbox_item;
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    Inbox,
    items::{InboxItem, InboxItemKind},
};
use crate::{
    clock,
    error::Error,
    graphql::{actor, app, people::users::User},
    inbox::{self, Change, live::Cursor},
    notifications::pull,
};

/// Some items.
#[derive(InputObject)]
pub struct InboxItemsInput {
    /// 1 to 100 items of the viewer's inbox.
    item_ids: Vec<ID>,
}

/// Some items to put off.
#[derive(InputObject)]
pub struct SnoozeInput {
    /// 1 to 100 items of the viewer's inbox.
    item_ids: Vec<ID>,
    /// When they come back; in the future.
    until: DateTime<Utc>,
}

/// All items that are there, or some kinds of them.
#[derive(InputObject)]
pub struct InboxBulkInput {
    /// Which of them.
    filter: Option<BulkFilter>,
    /// A cursor: what arrived after it is left alone, so that nobody marks what they have not been shown.
    up_to: Option<String>,
}

/// Which items a bulk mutation concerns, of those that are there.
#[derive(InputObject)]
pub struct BulkFilter {
    /// Only these kinds.
    kinds: Option<Vec<InboxItemKind>>,
}

/// The items as they are now.
#[derive(SimpleObject)]
pub struct InboxItemsPayload {
    /// In the order of the input.
    items: Vec<InboxItem>,
    /// The inbox after the change.
    inbox: Inbox,
}

/// What a bulk mutation did.
#[derive(SimpleObject)]
pub struct InboxBulkPayload {
    /// How many items it changed.
    affected_count: i32,
    /// The inbox after the change.
    inbox: Inbox,
}

/// The inbox with what is new.
#[derive(SimpleObject)]
pub struct InboxPayload {
    /// The inbox.
    inbox: Inbox,
}

async fn change_items(
    ctx: &Context<'_>,
    ids: &[ID],
    change: Change,
) -> Result<Option<InboxItemsPayload>> {
    let ids: Vec<String> = ids.iter().map(|id| id.to_string()).collect();
    let app = app(ctx);
    let items = inbox::change_items(&app.db, actor(ctx)?, &ids, change, app.clock.now()).await?;
    Ok(Some(InboxItemsPayload {
        items: items.into_iter().map(InboxItem).collect(),
        inbox: own(ctx).await?,
    }))
}

async fn change_all(
    ctx: &Context<'_>,
    input: InboxBulkInput,
    change: Change,
) -> Result<Option<InboxBulkPayload>> {
    let app = app(ctx);
    let up_to = match input.up_to {
        None => None,
        Some(text) => match Cursor::decode(&text) {
            Some(cursor) if *cursor.epoch == *app.epoch => Some(cursor.position.seq),
            _ => return Err(Error::invalid("upTo", "is not a cursor of this inbox").into()),
        },
    };
    let kinds = input.filter.and_then(|filter| filter.kinds);
    let kinds: Option<Vec<inbox_item::Kind>> =
        kinds.map(|kinds| kinds.into_iter().map(Into::into).collect());
    let (kinds, now) = (kinds.as_deref(), app.clock.now());
    let changed = inbox::change_all(&app.db, actor(ctx)?, kinds, up_to, change, now).await?;
    Ok(Some(InboxBulkPayload { affected_count: changed as i32, inbox: own(ctx).await? }))
}

/// The inbox of who acts.
async fn own(ctx: &Context<'_>) -> Result<Inbox> {
    let actor = actor(ctx)?;
    actor.person()?;
    Ok(Inbox::of(ctx, actor.user.clone().map(User).ok_or(Error::NotFound("inbox"))?).await?)
}

#[derive(Default)]
pub struct InboxMutation;

#[Object]
impl InboxMutation {
    /// The viewer has read these; so they have also seen them.
    async fn mark_read(
        &self,
        ctx: &Context<'_>,
        input: InboxItemsInput,
    ) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Read).await
    }

    /// The viewer wants to read these again. Senders keep the reading that was.
    async fn mark_unread(
        &self,
        ctx: &Context<'_>,
        input: InboxItemsInput,
    ) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Unread).await
    }

    /// The viewer had these before their eyes.
    async fn mark_seen(
        &self,
        ctx: &Context<'_>,
        input: InboxItemsInput,
    ) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Seen).await
    }

    /// Puts these away.
    async fn archive(
        &self,
        ctx: &Context<'_>,
        input: InboxItemsInput,
    ) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Archive).await
    }

    /// Brings these back to where they were.
    async fn unarchive(
        &self,
        ctx: &Context<'_>,
        input: InboxItemsInput,
    ) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Unarchive).await
    }

    /// Hides these until a time, when they come back at the top, unseen.
    async fn snooze(
        &self,
        ctx: &Context<'_>,
        input: SnoozeInput,
    ) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Snooze(clock::given("until", input.until)?))
            .await
    }

    /// Brings snoozed items back to where they were.
    async fn unsnooze(
        &self,
        ctx: &Context<'_>,
        input: InboxItemsInput,
    ) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Unsnooze).await
    }

    /// The viewer has read everything that is there.
    async fn mark_all_read(
        &self,
        ctx: &Context<'_>,
        input: InboxBulkInput,
    ) -> Result<Option<InboxBulkPayload>> {
        change_all(ctx, input, Change::Read).await
    }

    /// The viewer had everything that is there before their eyes.
    async fn mark_all_seen(
        &self,
        ctx: &Context<'_>,
        input: InboxBulkInput,
    ) -> Result<Option<InboxBulkPayload>> {
        change_all(ctx, input, Change::Seen).await
    }

    /// Puts everything away that is there.
    async fn archive_all(
        &self,
        ctx: &Context<'_>,
        input: InboxBulkInput,
    ) -> Result<Option<InboxBulkPayload>> {
        change_all(ctx, input, Change::Archive).await
    }

    /// Takes what is new into the viewer's inbox. Nobody needs it who looks at the inbox or follows it, since both do the
    /// same; a host that polls for counts may want it without looking.
    async fn pull_inbox(&self, ctx: &Context<'_>) -> Result<Option<InboxPayload>> {
        pull::pull(app(ctx), &[actor(ctx)?.person()?.id]).await?;
        Ok(Some(InboxPayload { inbox: own(ctx).await? }))
    }
}
