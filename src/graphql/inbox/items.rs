//! One thing in an inbox, as its owner sees it.

use async_graphql::{Context, Enum, ID, Object, SelectionField, Union};
use chrono::{DateTime, Utc};

use crate::{
    graphql::{
        app,
        messages::message::Message,
        notifications::{activities::ActivityGroup, announcements::Announcement},
        people::users::User,
    },
    id::Kind,
    inbox::{Item, Subject, Texts},
};

/// What an item is about.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::inbox_item::Kind")]
pub enum InboxItemKind {
    /// A message or reply.
    Message,
    /// Something for everybody.
    Announcement,
    /// What people did to something that the reader follows.
    Activity,
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

    /// One line. For activities a sentence in the language of the inbox's owner: “Ada, Grace and 8 others commented on your
    /// post “X””, with the names as they are now: a person's new name shows when the item is next fetched, and is no change
    /// of the inbox.
    async fn title(&self, ctx: &Context<'_>) -> String {
        self.0.title(&app(ctx).catalog)
    }

    /// The beginning of the text, on one line, without marks; for activities the `preview` in the data of the latest.
    async fn preview(&self) -> Option<String> {
        self.0.preview()
    }

    /// Where it is to be found in the host application; null when nobody has said so.
    async fn url(&self) -> Option<&str> {
        self.0.url()
    }

    /// The thing itself; null when it was erased.
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

    /// When it came; for activities, when the first of them did.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.row.created_at
    }

    /// When it last rose to the top: came, grew by an activity, came back from a snooze, or its owner was reminded. Reading
    /// and archiving do not move it.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.row.updated_at
    }
}

/// The thing that an item is about.
#[derive(Union)]
pub enum InboxSubject {
    Message(Message),
    Announcement(Announcement),
    ActivityGroup(ActivityGroup),
}

/// How much of the texts of items is needed below a field. Whatever is called `body` there may be one of them.
pub fn texts(field: SelectionField<'_>) -> Texts {
    let below = field.selection_set().map(|field| match field.name() {
        "body" => Texts::Whole,
        "preview" => Texts::Beginning,
        _ => texts(field),
    });
    below.max().unwrap_or(Texts::None)
}
