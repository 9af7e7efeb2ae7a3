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

/// Some inbox items.
#[derive(InputObject)]
pub struct InboxItemsInput {
    /// 1 to 100 items of the viewer's inbox.
    item_ids: Vec<ID>,
}

/// Items to snooze.
#[derive(InputObject)]
pub struct SnoozeInput {
    /// 1 to 100 items of the viewer's inbox.
    item_ids: Vec<ID>,
    /// When they return; in the future.
    until: DateTime<Utc>,
}

/// Changes all active items (neither archived nor snoozed), or those of some kinds or categories.
#[derive(InputObject)]
pub struct InboxBulkInput {
    /// Restricts which items change.
    filter: Option<BulkFilter>,
    /// A cursor. Items that arrived after it are not changed, so that nobody marks what they have
    /// not been shown.
    up_to: Option<String>,
}

/// Which of the active items a bulk mutation changes.
#[derive(InputObject)]
pub struct BulkFilter {
    /// Only these kinds.
    kinds: Option<Vec<InboxItemKind>>,
    /// Only items of these categories, by their keys; at most 10.
    categories: Option<Vec<String>>,
}

/// The items after the change.
#[derive(SimpleObject)]
pub struct InboxItemsPayload {
    /// In the order of the input.
    items: Vec<InboxItem>,
    /// The inbox after the change.
    inbox: Inbox,
}

/// The result of a bulk mutation.
#[derive(SimpleObject)]
pub struct InboxBulkPayload {
    /// How many items were changed.
    affected_count: i32,
    /// The inbox after the change.
    inbox: Inbox,
}

/// The inbox, including anything new.
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
    let (kinds, categories) =
        input.filter.map_or((None, None), |filter| (filter.kinds, filter.categories));
    let kinds: Option<Vec<inbox_item::Kind>> =
        kinds.map(|kinds| kinds.into_iter().map(Into::into).collect());
    let (kinds, now) = (kinds.as_deref(), app.clock.now());
    let (db, categories) = (&app.db, categories.as_deref());
    let changed = inbox::change_all(db, actor(ctx)?, kinds, categories, up_to, change, now).await?;
    Ok(Some(InboxBulkPayload { affected_count: changed as i32, inbox: own(ctx).await? }))
}

/// The inbox of the person who acts.
async fn own(ctx: &Context<'_>) -> Result<Inbox> {
    let actor = actor(ctx)?;
    actor.person()?;
    Ok(Inbox::of(ctx, actor.user.clone().map(User).ok_or(Error::NotFound("inbox"))?).await?)
}

#[derive(Default)]
pub struct InboxMutation;

#[Object]
impl InboxMutation {
    /// Marks items as read, and so also as seen.
    async fn mark_read(
        &self,
        ctx: &Context<'_>,
        input: InboxItemsInput,
    ) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Read).await
    }

    /// Marks items as unread. Senders still see that they had been read.
    async fn mark_unread(
        &self,
        ctx: &Context<'_>,
        input: InboxItemsInput,
    ) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Unread).await
    }

    /// Marks items as seen.
    async fn mark_seen(
        &self,
        ctx: &Context<'_>,
        input: InboxItemsInput,
    ) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Seen).await
    }

    /// Archives items.
    async fn archive(
        &self,
        ctx: &Context<'_>,
        input: InboxItemsInput,
    ) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Archive).await
    }

    /// Moves archived items back to where they were.
    async fn unarchive(
        &self,
        ctx: &Context<'_>,
        input: InboxItemsInput,
    ) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Unarchive).await
    }

    /// Hides items until a given time. They return at the top, unseen.
    async fn snooze(
        &self,
        ctx: &Context<'_>,
        input: SnoozeInput,
    ) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Snooze(clock::given("until", input.until)?))
            .await
    }

    /// Ends a snooze early and moves the items back to where they were.
    async fn unsnooze(
        &self,
        ctx: &Context<'_>,
        input: InboxItemsInput,
    ) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Unsnooze).await
    }

    /// Marks all active items (neither archived nor snoozed) as read.
    async fn mark_all_read(
        &self,
        ctx: &Context<'_>,
        input: InboxBulkInput,
    ) -> Result<Option<InboxBulkPayload>> {
        change_all(ctx, input, Change::Read).await
    }

    /// Marks all active items (neither archived nor snoozed) as seen.
    async fn mark_all_seen(
        &self,
        ctx: &Context<'_>,
        input: InboxBulkInput,
    ) -> Result<Option<InboxBulkPayload>> {
        change_all(ctx, input, Change::Seen).await
    }

    /// Archives all active items (neither archived nor snoozed).
    async fn archive_all(
        &self,
        ctx: &Context<'_>,
        input: InboxBulkInput,
    ) -> Result<Option<InboxBulkPayload>> {
        change_all(ctx, input, Change::Archive).await
    }

    /// Takes everything new into the viewer's inbox. Clients that read or follow the inbox do not
    /// need it, because both do the same; it is for hosts that poll for counts without reading the
    /// inbox.
    async fn pull_inbox(&self, ctx: &Context<'_>) -> Result<Option<InboxPayload>> {
        pull::pull(app(ctx), &[actor(ctx)?.person()?.id]).await?;
        Ok(Some(InboxPayload { inbox: own(ctx).await? }))
    }
}
