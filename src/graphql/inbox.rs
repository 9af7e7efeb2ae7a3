use ::entity::{inbox as row, inbox_item};
use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject, Union};
use chrono::{DateTime, Utc};

use super::{
    actor, app,
    messages::Message,
    paging::{Paged, connection, page},
    preview::preview,
    updates::InboxUpdate,
    users::User,
};
use crate::{
    clock,
    error::Error,
    id::Kind,
    inbox::{self, Change, Filter, InboxView, Item, MOST_CHANGES, Position},
    live::{self, Cursor, Start},
};

/// What has come in for a person.
pub struct Inbox {
    pub owner: User,
    pub head: row::Model,
}

/// What has come in for a person.
#[Object]
impl Inbox {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::Inbox.encode(self.head.user_id).into()
    }

    /// Whose inbox it is.
    async fn owner(&self) -> &User {
        &self.owner
    }

    /// How much there is, exactly.
    async fn counts(&self) -> InboxCounts {
        InboxCounts(self.head.clone())
    }

    /// The items, newest `updatedAt` first.
    async fn items(
        &self,
        ctx: &Context<'_>,
        filter: Option<InboxFilter>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Paged<InboxItem>> {
        let page = page((first, after, last, before))?;
        let filter = filter.map(Filter::from).unwrap_or_default();
        let items = inbox::page(&app(ctx).db, self.head.user_id, &filter, &page).await?;
        Ok(connection(items, |item| (item.row.updated_at, item.row.id), InboxItem))
    }

    /// The position of this very answer in the inbox's history: give it to `inboxUpdated(after:)`, and nothing that happens
    /// from now on is missed.
    async fn cursor(&self, ctx: &Context<'_>) -> String {
        Cursor::encode(&app(ctx).epoch, Position::end(self.head.seq))
    }

    /// What happened after a cursor: the same history as `inboxUpdated`, for who cannot hold a connection. `first` is
    /// between 1 and 100.
    async fn changes(
        &self,
        ctx: &Context<'_>,
        after: String,
        #[graphql(default = 100)] first: i32,
    ) -> Result<InboxUpdate> {
        let limit = u64::try_from(first).ok().filter(|first| (1..=MOST_CHANGES).contains(first));
        let limit = limit.ok_or_else(|| Error::invalid("first", format!("is between 1 and {MOST_CHANGES}")))?;
        let app = app(ctx);
        let start = Start::of(app, Some(&after))?;
        Ok(InboxUpdate(live::update(app, self.head.user_id, start, limit).await?))
    }
}

/// How much there is in an inbox, exactly. It has an id so that a normalised cache updates every badge from a live event.
pub struct InboxCounts(pub row::Model);

/// How much there is in an inbox, exactly. It has an id so that a normalised cache updates every badge from a live event.
#[Object]
impl InboxCounts {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::InboxCounts.encode(self.0.user_id).into()
    }

    /// Items that are there and not read.
    async fn unread(&self) -> i32 {
        self.0.unread
    }

    /// Items that are there and not seen.
    async fn unseen(&self) -> i32 {
        self.0.unseen
    }

    /// Items that come back later.
    async fn snoozed(&self) -> i32 {
        self.0.snoozed
    }

    /// Items that were put away.
    async fn archived(&self) -> i32 {
        self.0.archived
    }

    /// `unread` by kind.
    async fn unread_by_kind(&self) -> Vec<KindCount> {
        vec![KindCount { kind: InboxItemKind::Message, count: self.0.unread }]
    }
}

/// A number for a kind of items.
#[derive(SimpleObject)]
pub struct KindCount {
    /// The kind.
    kind: InboxItemKind,
    /// How many there are.
    count: i32,
}

/// What an item is about.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::inbox_item::Kind")]
pub enum InboxItemKind {
    /// A message or reply.
    Message,
}

/// One thing in an inbox.
pub struct InboxItem(pub Item);

/// One thing in an inbox.
#[Object]
impl InboxItem {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::InboxItem.encode(self.0.row.id).into()
    }

    /// What it is about. There will be more kinds: show one that you do not know by its title and preview.
    async fn kind(&self) -> InboxItemKind {
        self.0.row.kind.into()
    }

    /// One line.
    async fn title(&self) -> &str {
        self.0.message.as_ref().map_or("", |message| &message.subject)
    }

    /// The beginning of the text, on one line, without marks.
    async fn preview(&self) -> Option<String> {
        self.0.message.as_ref().map(|message| preview(&message.body))
    }

    /// The thing itself; null when it was erased.
    async fn subject(&self) -> Option<InboxSubject> {
        let Item { message, sender, .. } = self.0.clone();
        message.map(|message| InboxSubject::Message((message, sender).into()))
    }

    /// When its owner had it before their eyes; null: not yet.
    async fn seen_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.seen_at
    }

    /// When its owner read it; null: not yet, or marked as unread.
    async fn read_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.read_at
    }

    /// When its owner put it away; null: it is not.
    async fn archived_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.archived_at
    }

    /// When it comes back; null: it is there.
    async fn snoozed_until(&self) -> Option<DateTime<Utc>> {
        self.0.row.snoozed_until
    }

    /// When its owner was last reminded of it, because they had not read it, or not replied.
    async fn reminded_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.reminded_at
    }

    /// Whether that was the last time.
    async fn is_final_reminder(&self) -> bool {
        self.0.row.respond_by.is_some()
    }

    /// After the last reminder: until when there is time to respond.
    async fn respond_by(&self) -> Option<DateTime<Utc>> {
        self.0.row.respond_by
    }

    /// When it came.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.row.created_at
    }

    /// When it last rose to the top: came, came back from a snooze, or reminded. Reading and archiving do not move it.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.row.updated_at
    }
}

/// The thing that an item is about.
#[derive(Union)]
pub enum InboxSubject {
    Message(Message),
}

/// Which items to list.
#[derive(InputObject)]
pub struct InboxFilter {
    /// The list.
    #[graphql(default)]
    view: InboxView,
    /// Only these kinds.
    kinds: Option<Vec<InboxItemKind>>,
    /// A part of the subject or body, in any case.
    search: Option<String>,
}

impl From<InboxFilter> for Filter {
    fn from(filter: InboxFilter) -> Self {
        let kinds = filter.kinds.map(|kinds| kinds.into_iter().map(Into::into).collect());
        Filter { view: filter.view, kinds, search: filter.search.filter(|search| !search.is_empty()) }
    }
}

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

async fn change_items(ctx: &Context<'_>, ids: &[ID], change: Change) -> Result<Option<InboxItemsPayload>> {
    let ids: Vec<String> = ids.iter().map(|id| id.to_string()).collect();
    let items = inbox::change_items(app(ctx), actor(ctx)?, &ids, change).await?;
    Ok(Some(InboxItemsPayload { items: items.into_iter().map(InboxItem).collect(), inbox: own(ctx).await? }))
}

async fn change_all(ctx: &Context<'_>, input: InboxBulkInput, change: Change) -> Result<Option<InboxBulkPayload>> {
    let up_to = match input.up_to {
        None => None,
        Some(text) => match Cursor::decode(&text) {
            Some(cursor) if *cursor.epoch == *app(ctx).epoch => Some(cursor.position.seq),
            _ => return Err(Error::invalid("upTo", "is not a cursor of this inbox").into()),
        },
    };
    let kinds = input.filter.and_then(|filter| filter.kinds);
    let kinds: Option<Vec<inbox_item::Kind>> = kinds.map(|kinds| kinds.into_iter().map(Into::into).collect());
    let changed = inbox::change_all(app(ctx), actor(ctx)?, kinds.as_deref(), up_to, change).await?;
    Ok(Some(InboxBulkPayload { affected_count: changed as i32, inbox: own(ctx).await? }))
}

/// The inbox of who acts.
async fn own(ctx: &Context<'_>) -> Result<Inbox> {
    let actor = actor(ctx)?;
    let head = inbox::head(&app(ctx).db, actor.person()?.id).await?;
    let owner = actor.user.clone().map(User).ok_or(Error::NotFound("inbox"))?;
    Ok(Inbox { owner, head })
}

#[derive(Default)]
pub struct InboxMutation;

#[Object]
impl InboxMutation {
    /// The viewer has read these; so they have also seen them.
    async fn mark_read(&self, ctx: &Context<'_>, input: InboxItemsInput) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Read).await
    }

    /// The viewer wants to read these again. Senders keep the reading that was.
    async fn mark_unread(&self, ctx: &Context<'_>, input: InboxItemsInput) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Unread).await
    }

    /// The viewer had these before their eyes.
    async fn mark_seen(&self, ctx: &Context<'_>, input: InboxItemsInput) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Seen).await
    }

    /// Puts these away.
    async fn archive(&self, ctx: &Context<'_>, input: InboxItemsInput) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Archive).await
    }

    /// Brings these back to where they were.
    async fn unarchive(&self, ctx: &Context<'_>, input: InboxItemsInput) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Unarchive).await
    }

    /// Hides these until a time, when they come back at the top, unseen.
    async fn snooze(&self, ctx: &Context<'_>, input: SnoozeInput) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Snooze(clock::given("until", input.until)?)).await
    }

    /// Brings snoozed items back to where they were.
    async fn unsnooze(&self, ctx: &Context<'_>, input: InboxItemsInput) -> Result<Option<InboxItemsPayload>> {
        change_items(ctx, &input.item_ids, Change::Unsnooze).await
    }

    /// The viewer has read everything that is there.
    async fn mark_all_read(&self, ctx: &Context<'_>, input: InboxBulkInput) -> Result<Option<InboxBulkPayload>> {
        change_all(ctx, input, Change::Read).await
    }

    /// The viewer had everything that is there before their eyes.
    async fn mark_all_seen(&self, ctx: &Context<'_>, input: InboxBulkInput) -> Result<Option<InboxBulkPayload>> {
        change_all(ctx, input, Change::Seen).await
    }

    /// Puts everything away that is there.
    async fn archive_all(&self, ctx: &Context<'_>, input: InboxBulkInput) -> Result<Option<InboxBulkPayload>> {
        change_all(ctx, input, Change::Archive).await
    }
}
