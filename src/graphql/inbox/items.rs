//! A single inbox item, as its owner sees it.

use async_graphql::{Context, Enum, ID, Object, Result, SelectionField, Union};
use chrono::{DateTime, Utc};

use crate::{
    graphql::{
        app,
        inbox::thread::InboxThread,
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

/// One item in an inbox.
#[Object]
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

    /// What the item is about; null if it was erased.
    async fn subject(&self) -> Option<InboxSubject> {
        Some(match self.0.subject.clone()? {
            Subject::Message { message, sender } => {
                InboxSubject::Message(Message { row: message, sender: sender.map(User) })
            }
            Subject::Announcement { announcement, author } => {
                InboxSubject::Announcement(Announcement {
                    row: announcement,
                    author: author.map(User),
                })
            }
            Subject::Activities(activities) => {
                InboxSubject::ActivityGroup(ActivityGroup { row: self.0.row.clone(), activities })
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
pub enum InboxSubject {
    Message(Message),
    Announcement(Announcement),
    ActivityGroup(ActivityGroup),
}

/// How much of the items' texts is needed below a field. Any field called `body` there may be one
/// of them.
pub fn texts(field: SelectionField<'_>) -> Texts {
    let below = field.selection_set().map(|field| match field.name() {
        "body" => Texts::Whole,
        "preview" => Texts::Beginning,
        _ => texts(field),
    });
    below.max().unwrap_or(Texts::None)
}
