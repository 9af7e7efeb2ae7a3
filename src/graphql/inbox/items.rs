//! A single inbox item, as its owner sees it.

use ::entity::id::ItemId;
use async_graphql::{Context, Enum, ID, Object, SelectionField, Union};
use chrono::{DateTime, Utc};

use crate::{
    error::Result,
    graphql::{
        actor, app,
        extras::{self, ItemAction},
        inbox::thread::InboxThread,
        list_size, loader,
        loaders::ItemBy,
        messages::message::Message,
        notifications::{activities::ActivityGroup, announcements::Announcement},
        people::users::User,
    },
    id,
    inbox::{Item, Subject, Texts},
};

/// What an inbox item is about.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::inbox_item::Kind")]
pub enum InboxItemKind {
    /// A message or reply.
    Message,
    /// An announcement to everybody.
    Announcement,
    /// Activities on a target that the owner of the inbox follows.
    Activity,
}

/// One item in an inbox.
pub struct InboxItem(pub Item);

impl InboxItem {
    /// The item with this id. It belongs to its owner; a service or admin names the owner with
    /// `act-as`.
    pub async fn find(ctx: &Context<'_>, id: ItemId) -> Result<Option<Self>> {
        let Some(owner) = actor(ctx)?.user_id() else { return Ok(None) };
        Ok(loader(ctx).load_one(ItemBy { owner, id }).await?.map(InboxItem))
    }
}

/// One item in an inbox.
#[Object(serial)]
impl InboxItem {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::encode(self.0.row.id).into()
    }

    /// What the item is about. More kinds will be added: show an unknown kind by its title and
    /// preview.
    async fn kind(&self) -> InboxItemKind {
        self.0.row.kind.into()
    }

    /// One line. For activities, a sentence in the language of the inbox's owner: “Ada, Grace and 8
    /// others commented on your post “X””. It uses people's current names: a new name shows when
    /// the item is next fetched, and is not a change of the inbox.
    async fn title(&self, ctx: &Context<'_>) -> String {
        self.0.title(&app(ctx).catalog)
    }

    /// The beginning of the text, on one line, without Markdown marks. For activities, the
    /// `preview` in the data of the latest one.
    async fn preview(&self) -> Option<String> {
        self.0.preview()
    }

    /// Where to find it in the host application; null if not given.
    async fn url(&self) -> Option<&str> {
        self.0.url()
    }

    /// Data that the host application sent along for its clients; null if there is none. For
    /// activities, that of the latest one.
    async fn data(&self) -> Result<Option<serde_json::Value>> {
        extras::data(self.0.data())
    }

    /// What the reader can do, at most 3 links; empty for activities.
    #[graphql(directive = list_size::apply(3))]
    async fn actions(&self) -> Vec<ItemAction> {
        extras::actions(self.0.actions())
    }

    /// Its category, a key of the catalog; null if it has none. It stays what it was when the item
    /// arrived, also if the catalog changes.
    async fn category(&self) -> Option<&str> {
        self.0.row.category.as_deref()
    }

    /// What the item is about; null if it was erased.
    async fn about(&self) -> Option<InboxItemAbout> {
        Some(match self.0.subject.clone()? {
            Subject::Message { message, sender } => {
                InboxItemAbout::Message(Message { row: message, sender: sender.map(User) })
            }
            Subject::Announcement { announcement, author } => {
                InboxItemAbout::Announcement(Announcement {
                    row: announcement,
                    author: author.map(User),
                })
            }
            Subject::Activities(activities) => {
                InboxItemAbout::ActivityGroup(ActivityGroup { row: self.0.row.clone(), activities })
            }
        })
    }

    /// For a message: the thread that it belongs to, as far as it is in this inbox. Null for other
    /// kinds.
    async fn thread(&self, ctx: &Context<'_>) -> Result<Option<InboxThread>> {
        InboxThread::of(ctx, &self.0).await
    }

    /// When its owner saw it; null if it is unseen.
    async fn seen_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.seen_at
    }

    /// When its owner read it; null if it is unread or was marked as unread.
    async fn read_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.read_at
    }

    /// When its owner archived it; null if it is not archived.
    async fn archived_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.archived_at
    }

    /// When a snoozed item returns; null if it is not snoozed.
    async fn snoozed_until(&self) -> Option<DateTime<Utc>> {
        self.0.row.snoozed_until
    }

    /// When its owner was last reminded of it because they had not read it, or had not replied.
    async fn reminded_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.reminded_at
    }

    /// Whether the last reminder was the final one.
    async fn is_final_reminder(&self) -> bool {
        self.0.row.respond_by.is_some()
    }

    /// After the final reminder: the deadline for responding.
    async fn respond_by(&self) -> Option<DateTime<Utc>> {
        self.0.row.respond_by
    }

    /// When it arrived; for activities, when the first of them arrived.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.row.created_at
    }

    /// When it last moved to the top: it arrived, a new activity joined it, its snooze ended, or
    /// its owner was reminded. Reading and archiving do not change it.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.row.updated_at
    }
}

/// What an inbox item can be about.
#[derive(Union)]
pub enum InboxItemAbout {
    Message(Message),
    Announcement(Announcement),
    ActivityGroup(ActivityGroup),
}

/// How much of the items' texts is needed below a field. Any field called `body` there may be one
/// of them, and any called `data` an item's.
pub fn texts(field: SelectionField<'_>) -> Texts {
    let below = field.selection_set().map(|field| match field.name() {
        "body" => Texts::Whole,
        "preview" | "data" | "actions" => Texts::Beginning,
        _ => texts(field),
    });
    below.max().unwrap_or(Texts::None)
}

/// Whether a field's selection can be shown without what the items are about. Clients that mark
/// items mostly ask for their new states.
pub fn is_of_rows(field: SelectionField<'_>) -> bool {
    field.selection_set().all(|field| OF_ROWS.contains(&field.name()))
}

/// The fields of items that need nothing but their rows.
const OF_ROWS: &[&str] = &[
    "__typename",
    "archivedAt",
    "category",
    "createdAt",
    "id",
    "isFinalReminder",
    "kind",
    "readAt",
    "remindedAt",
    "respondBy",
    "seenAt",
    "snoozedUntil",
    "updatedAt",
];

/// Fields of items, messages and people for which [`Columns::Listed`](crate::inbox::Columns) are
/// enough, whichever of these types they are selected on.
pub const LISTED: &[&str] = &[
    // Items.
    "about",
    "actions",
    "archivedAt",
    "category",
    "createdAt",
    "data",
    "id",
    "isFinalReminder",
    "isMain",
    "kind",
    "label",
    "preview",
    "readAt",
    "remindedAt",
    "respondBy",
    "seenAt",
    "snoozedUntil",
    "title",
    "updatedAt",
    "url",
    // What they are about.
    "body",
    "sender",
    "subject",
    // People.
    "avatarUrl",
    "erasedAt",
    "externalId",
    "firstName",
    "lastName",
    "name",
];
