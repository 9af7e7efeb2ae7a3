//! What people do with the items of their inbox.

use std::collections::HashMap;

use ::entity::id::{ItemId, Seq};
use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    Inbox, InboxFilter,
    items::{InboxItem, InboxItemKind, is_of_rows, texts},
};
use crate::{
    app::App,
    clock,
    error::{Error, Result},
    gate::reading,
    graphql::{SEARCH, actor, app, cost, people::users::User},
    inbox::{self, Change, Changed, Filter, InboxView, Position, live::Cursor},
    notifications::{pull, targets::TargetRef},
    people::users::UserRef,
};

/// Some inbox items.
#[derive(InputObject)]
pub struct InboxItemsInput {
    /// 1 to 500 items of the viewer's inbox.
    item_ids: Vec<ID>,
}

/// Items to snooze.
#[derive(InputObject)]
pub struct SnoozeInput {
    /// 1 to 500 items of the viewer's inbox.
    item_ids: Vec<ID>,
    /// When they return; in the future.
    until: DateTime<Utc>,
}

/// Changes all active items (neither archived nor snoozed), or those that a filter selects.
#[derive(InputObject)]
pub struct InboxBulkInput {
    /// Which items change; all active ones if not given.
    filter: Option<BulkFilter>,
    /// A cursor. Items that arrived after it are not changed, so that nobody marks what they have
    /// not been shown.
    up_to: Option<String>,
}

/// Which items a bulk mutation changes: those that the same `InboxFilter` lists.
#[derive(InputObject, Default)]
pub struct BulkFilter {
    /// Those in this list of the inbox.
    #[graphql(default)]
    view: InboxView,
    /// Only these kinds.
    kinds: Option<Vec<InboxItemKind>>,
    /// Only items of these categories, by their keys; at most 10.
    categories: Option<Vec<String>>,
    /// Only activities on this target.
    target: Option<TargetRef>,
    /// Only the messages of this thread: the id of any message of it that the viewer sent or
    /// received.
    thread: Option<ID>,
    /// Only the messages that this person has sent; see `InboxFilter.sender`.
    #[graphql(directive = cost::apply(SEARCH))]
    sender: Option<UserRef>,
    /// Only items with an `updatedAt` at this moment or later.
    updated_from: Option<DateTime<Utc>>,
    /// Only items with an `updatedAt` before this moment.
    updated_before: Option<DateTime<Utc>>,
    /// Only what has these words; see `InboxFilter.search`.
    #[graphql(directive = cost::apply(SEARCH))]
    search: Option<String>,
}

impl From<BulkFilter> for InboxFilter {
    fn from(filter: BulkFilter) -> Self {
        InboxFilter {
            view: filter.view,
            kinds: filter.kinds,
            categories: filter.categories,
            target: filter.target,
            thread: filter.thread,
            sender: filter.sender,
            updated_from: filter.updated_from,
            updated_before: filter.updated_before,
            search: filter.search,
        }
    }
}

/// A change to take back.
#[derive(InputObject)]
pub struct UndoInput {
    /// The `cursor` of the payload of the mutation that made the change.
    cursor: String,
}

/// The items after the change.
pub struct InboxItemsPayload {
    /// What the input named.
    items: Vec<ItemId>,
    seq: Option<Seq>,
}

/// The items after the change.
#[Object]
impl InboxItemsPayload {
    /// In the order of the input.
    async fn items(&self, ctx: &Context<'_>) -> Result<Vec<InboxItem>> {
        let (owner, db) = (actor(ctx)?.person()?.id, &app(ctx).db);
        let items = match is_of_rows(ctx.field()) {
            true => inbox::rows(db, owner, &self.items).await?,
            false => inbox::items(db, owner, &self.items, texts(ctx.field())).await?,
        };
        let mut items: HashMap<_, _> = items.into_iter().map(|item| (item.row.id, item)).collect();
        let of_input = self.items.iter().filter_map(|id| items.remove(id));
        Ok(of_input.map(InboxItem).collect())
    }

    /// The change that was made, for `undo`; null if there was nothing to change.
    async fn cursor(&self, ctx: &Context<'_>) -> Option<String> {
        self.seq.map(|seq| cursor_of(app(ctx), seq))
    }

    /// The inbox after the change.
    async fn inbox(&self, ctx: &Context<'_>) -> Result<Inbox> {
        own(ctx).await
    }
}

/// The result of a bulk mutation.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct InboxBulkPayload {
    /// How many items were changed.
    affected_count: i32,
    /// The change that was made, for `undo`; null if there was nothing to change.
    cursor: Option<String>,
}

#[ComplexObject]
impl InboxBulkPayload {
    /// The inbox after the change.
    async fn inbox(&self, ctx: &Context<'_>) -> Result<Inbox> {
        own(ctx).await
    }
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
    let (items, seq) =
        inbox::change_items(&app.db, actor(ctx)?, &ids, change, app.clock.now()).await?;
    Ok(Some(InboxItemsPayload { items, seq }))
}

async fn change_all(
    ctx: &Context<'_>,
    input: InboxBulkInput,
    change: Change,
) -> Result<Option<InboxBulkPayload>> {
    let up_to = input.up_to.map(|cursor| seq_of(app(ctx), "upTo", &cursor)).transpose()?;
    let owner = actor(ctx)?.person()?.id;
    let filter = InboxFilter::from(input.filter.unwrap_or_default()).resolve(ctx, owner).await?;
    let changed = match filter {
        Some(filter) => change_found(ctx, filter, up_to, change).await?,
        None => Changed::default(),
    };
    Ok(Some(payload(ctx, changed)))
}

/// Changes all items of the person who acts that a filter selects; a search waits for its turn.
pub async fn change_found(
    ctx: &Context<'_>,
    filter: Filter,
    up_to: Option<Seq>,
    change: Change,
) -> Result<Changed> {
    let (actor, now) = (actor(ctx)?.clone(), app(ctx).clock.now());
    let is_search = filter.is_search();
    let make = move |app: App| async move {
        inbox::change_all(&app.db, &actor, &filter, up_to, change, now).await
    };
    reading(ctx, is_search, make).await
}

fn payload(ctx: &Context<'_>, changed: Changed) -> InboxBulkPayload {
    InboxBulkPayload { affected_count: changed.count as i32, cursor: cursor(ctx, &changed) }
}

/// The cursor of a change that one person has made.
pub fn cursor(ctx: &Context<'_>, changed: &Changed) -> Option<String> {
    changed.seqs.values().next().map(|seq| cursor_of(app(ctx), *seq))
}

fn cursor_of(app: &App, seq: Seq) -> String {
    Cursor::encode(&app.epoch, Position::end(seq))
}

/// The number of the change that a cursor names.
fn seq_of(app: &App, field: &str, cursor: &str) -> Result<Seq> {
    match Cursor::decode(cursor) {
        Some(cursor) if *cursor.epoch == *app.epoch => Ok(cursor.position.seq),
        _ => Err(Error::invalid(field, "is not a cursor of this inbox")),
    }
}

/// The inbox of the person who acts.
pub async fn own(ctx: &Context<'_>) -> Result<Inbox> {
    let actor = actor(ctx)?;
    actor.person()?;
    Inbox::of(ctx, actor.user.clone().map(User).ok_or(Error::NotFound("inbox"))?).await
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

    /// Marks all active items (neither archived nor snoozed), or those that the filter selects, as
    /// read.
    async fn mark_all_read(
        &self,
        ctx: &Context<'_>,
        input: InboxBulkInput,
    ) -> Result<Option<InboxBulkPayload>> {
        change_all(ctx, input, Change::Read).await
    }

    /// Marks all active items (neither archived nor snoozed), or those that the filter selects, as
    /// seen.
    async fn mark_all_seen(
        &self,
        ctx: &Context<'_>,
        input: InboxBulkInput,
    ) -> Result<Option<InboxBulkPayload>> {
        change_all(ctx, input, Change::Seen).await
    }

    /// Archives all active items (neither archived nor snoozed), or those that the filter selects.
    async fn archive_all(
        &self,
        ctx: &Context<'_>,
        input: InboxBulkInput,
    ) -> Result<Option<InboxBulkPayload>> {
        change_all(ctx, input, Change::Archive).await
    }

    /// Takes back what the viewer did to items of their inbox, for a day after the change: read,
    /// unread, seen, archived, snoozed, and back. Items that anything else has touched since stay
    /// as they are. An undo cannot be taken back; repeated, it changes nothing. Senders still see
    /// what had been seen and read.
    async fn undo(&self, ctx: &Context<'_>, input: UndoInput) -> Result<Option<InboxBulkPayload>> {
        let (app, actor) = (app(ctx), actor(ctx)?);
        actor.person()?;
        let seq = seq_of(app, "cursor", &input.cursor)?;
        let undone = inbox::undo(&app.db, actor, seq, app.clock.now()).await?;
        Ok(Some(payload(ctx, undone)))
    }

    /// Takes everything new into the viewer's inbox. Clients that read or follow the inbox do not
    /// need it, because both do the same; it is for hosts that poll for counts without reading the
    /// inbox.
    async fn pull_inbox(&self, ctx: &Context<'_>) -> Result<Option<InboxPayload>> {
        pull::pull(app(ctx), &[actor(ctx)?.person()?.id]).await?;
        Ok(Some(InboxPayload { inbox: own(ctx).await? }))
    }
}
