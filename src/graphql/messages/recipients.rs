//! Whom a message reached, and how far they have read it.

use ::entity::{
    announcement,
    id::{AnnouncementId, AudienceId, MessageId, UserId},
    message, message_audience, message_recipient, user,
};
use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject, Union};
use chrono::{DateTime, Utc};
use sea_orm::EntityTrait;

use crate::{
    auth::Actor,
    error::Result,
    graphql::{
        actor, app, loader,
        loaders::{self, AudienceBy, RecipientBy},
        messages::message::Message,
        notifications::announcements::Announcement,
        people::{groups::Group, users::User},
    },
    id::{self, Kind},
    messages::reports,
};

/// Whether the reader is told who has read it: the sender, or the host application for a message
/// from the system.
pub fn may_see_reading(actor: &Actor, sender: Option<UserId>) -> bool {
    match sender {
        _ if actor.is_admin() => true,
        Some(sender) => actor.user_id() == Some(sender),
        None => actor.is_host(),
    }
}

/// One of the people or groups that a message was addressed to.
#[derive(SimpleObject)]
#[graphql(complex, serial)]
pub struct MessageAudience {
    #[graphql(skip)]
    pub number: AudienceId,
    /// The person or group; null for a group that was deleted.
    pub audience: Option<Audience>,
    /// Its name at the time when the message was sent.
    pub name: String,
    /// How far the people behind this address have read it. For the sender and ADMIN;
    /// null for others.
    pub read_stats: Option<ReadStats>,
}

#[ComplexObject]
impl MessageAudience {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::MessageAudience.encode(self.number.0).into()
    }
}

impl MessageAudience {
    /// The address with this id, if the caller may see the message.
    pub async fn find(ctx: &Context<'_>, id: AudienceId) -> Result<Option<Self>> {
        let (app, actor) = (app(ctx), actor(ctx)?);
        let Some(audience) = loader(ctx).load_one(AudienceBy(id)).await? else { return Ok(None) };
        let message = Message::find(ctx, audience.row.message_id).await?;
        let Some(message) = message else { return Ok(None) };
        let with_reading = may_see_reading(actor, message.row.sender_id);
        let with_names = reports::may_see_names(app, actor);
        Ok(Some(MessageAudience::of(audience, with_reading, with_names)))
    }

    /// `with_reading`: whether the reader may know how far it has been read; `with_names`: and by
    /// whom.
    pub fn of(audience: loaders::Audience, with_reading: bool, with_names: bool) -> Self {
        let loaders::Audience { row, user, group } = audience;
        MessageAudience {
            number: row.id,
            read_stats: with_reading.then(|| ReadStats::of_audience(&row, with_names)),
            name: row.name,
            audience: Audience::of(user, group),
        }
    }
}

/// What a message can be addressed to.
#[derive(Union)]
pub enum Audience {
    User(User),
    Group(Group),
}

impl Audience {
    pub fn of(user: Option<user::Model>, group: Option<::entity::group::Model>) -> Option<Self> {
        let group = group
            .filter(|group| group.deleted_at.is_none())
            .map(|group| Audience::Group(Group(group)));
        user.map(|user| Audience::User(user.into())).or(group)
    }
}

/// How far something has been read. Reading counts as seeing, and marking as unread does not undo a
/// reading.
#[derive(SimpleObject)]
#[graphql(complex, serial)]
pub struct ReadStats {
    /// Of what these are the statistics.
    #[graphql(skip)]
    of: (Kind, i64),
    /// How many people it reached. For a message, this is fixed when it is sent.
    recipient_count: i32,
    /// How many people have seen it in their inbox.
    seen_count: i32,
    /// How many people have read it.
    read_count: i32,
    /// `readCount` divided by `recipientCount`, between 0 and 1.
    read_rate: f64,
    /// When it was first read by anybody. Null for a single recipient if the server hides who has
    /// read.
    first_read_at: Option<DateTime<Utc>>,
    /// When it was most recently read by somebody for the first time. Null for a single recipient
    /// if the server hides who has read.
    last_read_at: Option<DateTime<Utc>>,
}

#[ComplexObject]
impl ReadStats {
    /// Opaque and unique among everything: a normalised cache updates every view of them from
    /// `readStatsUpdated`.
    pub async fn id(&self) -> ID {
        let (kind, number) = self.of;
        kind.encode(number).into()
    }
}

impl ReadStats {
    /// The statistics with this id, if the caller may know how far it has been read.
    pub async fn find_of_message(ctx: &Context<'_>, id: MessageId) -> Result<Option<Self>> {
        match Message::find(ctx, id).await? {
            Some(message) => message.read_stats(ctx).await,
            None => Ok(None),
        }
    }

    pub async fn find_of_audience(ctx: &Context<'_>, id: AudienceId) -> Result<Option<Self>> {
        let audience = MessageAudience::find(ctx, id).await?;
        Ok(audience.and_then(|audience| audience.read_stats))
    }

    pub async fn find_of_announcement(
        ctx: &Context<'_>,
        id: AnnouncementId,
    ) -> Result<Option<Self>> {
        match Announcement::find(ctx, id).await? {
            Some(announcement) => announcement.read_stats(ctx).await,
            None => Ok(None),
        }
    }

    /// `with_names`: whether the reader may know who has read, and therefore when a single
    /// recipient did.
    pub fn of_message(row: &message::Model, with_names: bool) -> Self {
        let times = if reports::may_see_times(with_names, row.recipient_count) {
            (row.first_read_at, row.last_read_at)
        } else {
            (None, None)
        };
        let of = (Kind::MessageStats, row.id.0);
        Self::new(of, row.recipient_count, row.seen_count, row.read_count, times)
    }

    pub fn of_audience(row: &message_audience::Model, with_names: bool) -> Self {
        let times = if reports::may_see_times(with_names, row.recipient_count) {
            (row.first_read_at, row.last_read_at)
        } else {
            (None, None)
        };
        let of = (Kind::AudienceStats, row.id.0);
        Self::new(of, row.recipient_count, row.seen_count, row.read_count, times)
    }

    pub fn of_announcement(row: &announcement::Model, recipients: i64) -> Self {
        let times = (row.first_read_at, row.last_read_at);
        let of = (Kind::AnnouncementStats, row.id.0);
        Self::new(of, recipients as i32, row.seen_count, row.read_count, times)
    }

    fn new(
        of: (Kind, i64),
        recipient_count: i32,
        seen_count: i32,
        read_count: i32,
        times: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    ) -> Self {
        let read_rate = f64::from(read_count) / f64::from(recipient_count.max(1));
        ReadStats {
            of,
            recipient_count,
            seen_count,
            read_count,
            read_rate,
            first_read_at: times.0,
            last_read_at: times.1,
        }
    }
}

/// A person whom a message reached through one of its addresses. Somebody reached through two
/// addresses appears twice.
pub struct MessageRecipient {
    pub row: message_recipient::Model,
    user: Option<user::Model>,
    group: Option<::entity::group::Model>,
}

pub type RecipientRow = (
    message_recipient::Model,
    Option<user::Model>,
    Option<message_audience::Model>,
    Option<::entity::group::Model>,
);

/// Adds the person and the address to recipients.
pub fn recipients() -> sea_orm::SelectFour<
    message_recipient::Entity,
    user::Entity,
    message_audience::Entity,
    ::entity::group::Entity,
    sea_orm::TopologyStar,
> {
    message_recipient::Entity::find()
        .find_also_related(user::Entity)
        .find_also(message_recipient::Entity, message_audience::Entity)
        .find_also(message_audience::Entity, ::entity::group::Entity)
}

impl From<RecipientRow> for MessageRecipient {
    fn from((row, user, _, group): RecipientRow) -> Self {
        MessageRecipient { row, user, group }
    }
}

impl MessageRecipient {
    /// The fact that a message reached somebody through an address, for readers who may know who
    /// has read it.
    pub async fn find(
        ctx: &Context<'_>,
        audience: AudienceId,
        user: UserId,
    ) -> Result<Option<Self>> {
        let (app, actor) = (app(ctx), actor(ctx)?);
        let row = loader(ctx).load_one(RecipientBy { audience, user }).await?;
        let Some(row) = row else { return Ok(None) };
        let message = Message::find(ctx, row.0.message_id).await?;
        let may_see = message.is_some_and(|message| {
            may_see_reading(actor, message.row.sender_id) && reports::may_see_names(app, actor)
        });
        Ok(may_see.then(|| row.into()))
    }
}

/// A person whom a message reached through one of its addresses. Somebody reached through two
/// addresses appears twice.
#[Object(serial)]
impl MessageRecipient {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::of_recipient(self.row.audience_id, self.row.user_id).into()
    }

    /// The person.
    async fn user(&self) -> Option<User> {
        self.user.clone().map(User::from)
    }

    /// The address through which it reached them; null for a group that was deleted.
    async fn via(&self) -> Option<Audience> {
        match &self.group {
            Some(group) => Audience::of(None, Some(group.clone())),
            None => Audience::of(self.user.clone(), None),
        }
    }

    /// When they first saw it in their inbox.
    async fn seen_at(&self) -> Option<DateTime<Utc>> {
        self.row.seen_at
    }

    /// When they first read it. Marking it as unread does not undo this.
    async fn read_at(&self) -> Option<DateTime<Utc>> {
        self.row.read_at
    }

    /// When they first replied to it, or to any message of the thread that it starts.
    async fn replied_at(&self) -> Option<DateTime<Utc>> {
        self.row.replied_at
    }

    /// When they were last reminded of it.
    async fn reminded_at(&self) -> Option<DateTime<Utc>> {
        self.row.reminded_at
    }

    /// How many times they were reminded of it.
    async fn reminder_count(&self) -> i32 {
        self.row.reminder_count
    }
}

/// Which recipients to list.
#[derive(InputObject, Default)]
pub struct RecipientFilter {
    /// Only those who have read it (true), or have not (false).
    pub has_read: Option<bool>,
    /// Only those who have seen it (true), or have not (false).
    pub has_seen: Option<bool>,
    /// Only those who have replied to it (true), or have not (false).
    pub has_replied: Option<bool>,
}
