use ::entity::{message, message_audience, message_recipient, user};
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject, Union};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, sea_query::Expr};

use super::{
    actor, app,
    groups::Group,
    inbox::InboxItem,
    loaders,
    loaders::{AudiencesOf, ItemAbout, VisibleMessage},
    paging::{Paged, connection, page},
    users::{User, contains},
};
use crate::{
    app::App,
    auth::Actor,
    error::{self, Error},
    id::Kind,
    messages::{self, CreateMessageInput, ReplyToMessageInput, Sent, UpdateMessageInput},
    text,
};

/// A message or a reply.
pub struct Message {
    pub row: message::Model,
    pub sender: Option<User>,
}

impl From<Sent> for Message {
    fn from((row, sender): Sent) -> Self {
        Message { row, sender: sender.map(User::from) }
    }
}

/// A message or a reply.
#[Object]
impl Message {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::Message.encode(self.row.id).into()
    }

    /// One line.
    async fn subject(&self) -> &str {
        &self.row.subject
    }

    /// Markdown. It is what the sender wrote: sanitise it before you show it as HTML.
    async fn body(&self) -> &str {
        &self.row.body
    }

    /// Who sent it; null for the system.
    async fn sender(&self) -> Option<&User> {
        self.sender.as_ref()
    }

    /// Its addresses, with the reading of each.
    async fn sent_to(&self, ctx: &Context<'_>) -> Result<Vec<MessageAudience>> {
        let with_reading = self.may_see_reading(actor(ctx)?);
        let audiences = loaders(ctx).load_one(AudiencesOf(self.row.id)).await?.unwrap_or_default();
        let show = |audience: loaders::Audience| MessageAudience {
            name: audience.row.name.clone(),
            read_stats: with_reading.then(|| ReadStats::of_audience(&audience.row)),
            audience: Audience::of(audience.user, audience.group),
        };
        Ok(audiences.into_iter().map(show).collect())
    }

    /// Each person and address with their reading, by person. For the sender and ADMIN; null for others.
    async fn recipients(
        &self,
        ctx: &Context<'_>,
        filter: Option<RecipientFilter>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<MessageRecipient>>> {
        let page = page::<(i64, i64)>((first, after, last, before))?;
        if !self.may_see_reading(actor(ctx)?) {
            return Ok(None);
        }
        let mut recipients = recipients().filter(message_recipient::COLUMN.message_id.eq(self.row.id));
        let RecipientFilter { has_read, has_seen } = filter.unwrap_or_default();
        for (wanted, column) in
            [(has_read, message_recipient::Column::ReadAt), (has_seen, message_recipient::Column::SeenAt)]
        {
            match wanted {
                Some(true) => recipients = recipients.filter(column.is_not_null()),
                Some(false) => recipients = recipients.filter(column.is_null()),
                None => {}
            }
        }
        let key = [message_recipient::Column::UserId, message_recipient::Column::AudienceId];
        let key = key.map(|column| Expr::col((message_recipient::Entity, column)));
        let rows = page.seek(recipients, key, Order::Asc).all(app(ctx).db.read()).await.map_err(Error::from)?;
        let rows = rows.into_iter().map(MessageRecipient::from).collect();
        Ok(Some(connection(page.slice(rows), |r: &MessageRecipient| (r.row.user_id, r.row.audience_id), |r| r)))
    }

    /// The message that this one answers.
    async fn parent(&self, ctx: &Context<'_>) -> Result<Option<Message>> {
        match self.row.parent_id {
            Some(parent) => self.related(ctx, parent).await,
            None => Ok(None),
        }
    }

    /// The first message of the thread; itself when it answers nothing.
    async fn root(&self, ctx: &Context<'_>) -> Result<Message> {
        Ok(self.related(ctx, self.row.root()).await?.ok_or(Error::NotFound("message"))?)
    }

    /// 0 for the first message of a thread, 1 for a reply to it, and so on.
    async fn depth(&self) -> i32 {
        self.row.depth
    }

    /// The direct answers that the viewer may see, oldest first.
    async fn replies(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Paged<Message>> {
        let page = page::<i64>((first, after, last, before))?;
        let replies =
            message::Entity::visible_to(actor(ctx)?.reader()).filter(message::COLUMN.parent_id.eq(self.row.id));
        let rows = page.seek(replies, [Expr::col((message::Entity, message::Column::Id))], Order::Asc);
        let rows = rows.find_also_related(user::Entity).all(app(ctx).db.read()).await.map_err(Error::from)?;
        Ok(connection(page.slice(rows), |(row, _)| row.id, Message::from))
    }

    /// All answers below the first message of the thread that the viewer may see: each before its own answers, and
    /// answers to the same in the order of their arrival.
    async fn thread(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Paged<Message>> {
        let page = page::<Vec<u8>>((first, after, last, before))?;
        let thread =
            message::Entity::visible_to(actor(ctx)?.reader()).filter(message::COLUMN.root_id.eq(self.row.root()));
        let rows = page.seek(thread, [Expr::col((message::Entity, message::Column::Path))], Order::Asc);
        let rows = rows.find_also_related(user::Entity).all(app(ctx).db.read()).await.map_err(Error::from)?;
        Ok(connection(page.slice(rows), |(row, _)| row.path.clone(), Message::from))
    }

    /// When it leaves the inboxes, or left them; null when it stays.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.row.expires_at
    }

    /// How far it has been read; each person counts once. For the sender and ADMIN; null for others.
    async fn read_stats(&self, ctx: &Context<'_>) -> Result<Option<ReadStats>> {
        Ok(self.may_see_reading(actor(ctx)?).then(|| ReadStats::of_message(&self.row)))
    }

    /// The viewer's inbox item about it; null when it did not come to them, or has left their inbox.
    async fn viewer_inbox_item(&self, ctx: &Context<'_>) -> Result<Option<InboxItem>> {
        let Some(user) = actor(ctx)?.user_id() else { return Ok(None) };
        Ok(loaders(ctx).load_one(ItemAbout { user, message: self.row.id }).await?.map(InboxItem))
    }

    /// Whether the viewer got or sent it, and so can reply.
    async fn viewer_can_reply(&self, ctx: &Context<'_>) -> Result<bool> {
        let Some(user) = actor(ctx)?.user_id() else { return Ok(false) };
        let own = VisibleMessage(message::Reader::User(user), self.row.id);
        Ok(loaders(ctx).load_one(own).await?.is_some())
    }

    /// When it was sent.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }
}

impl Message {
    /// Who has read it is told to the sender; for a message of the system, to the host application.
    fn may_see_reading(&self, actor: &Actor) -> bool {
        may_see_reading(actor, self.row.sender_id)
    }

    async fn related(&self, ctx: &Context<'_>, id: i64) -> Result<Option<Message>> {
        let message = loaders(ctx).load_one(VisibleMessage(actor(ctx)?.reader(), id)).await?;
        Ok(message.map(Message::from))
    }
}

fn may_see_reading(actor: &Actor, sender: Option<i64>) -> bool {
    match sender {
        _ if actor.is_admin() => true,
        Some(sender) => actor.user_id() == Some(sender),
        None => actor.is_service(),
    }
}

/// An address of a message.
#[derive(SimpleObject)]
pub struct MessageAudience {
    /// Who is behind it; null for a group that was deleted.
    audience: Option<Audience>,
    /// The name as it was when the message was sent.
    name: String,
    /// How far this address has read. For the sender and ADMIN; null for others.
    read_stats: Option<ReadStats>,
}

/// What a message can be addressed to.
#[derive(Union)]
pub enum Audience {
    User(User),
    Group(Group),
}

impl Audience {
    fn of(user: Option<user::Model>, group: Option<::entity::group::Model>) -> Option<Self> {
        let group = group.filter(|group| group.deleted_at.is_none()).map(|group| Audience::Group(Group(group)));
        user.map(|user| Audience::User(user.into())).or(group)
    }
}

/// How far something has been read. Who reads, has seen; a reading is never taken back.
#[derive(SimpleObject)]
pub struct ReadStats {
    /// How many it reached; settled when it was sent.
    recipient_count: i32,
    /// How many have seen it in their inbox.
    seen_count: i32,
    /// How many have read it.
    read_count: i32,
    /// `readCount` of `recipientCount`, between 0 and 1.
    read_rate: f64,
    /// The first reading.
    first_read_at: Option<DateTime<Utc>>,
    /// The latest first reading of anybody.
    last_read_at: Option<DateTime<Utc>>,
}

impl ReadStats {
    fn of_message(row: &message::Model) -> Self {
        ReadStats {
            recipient_count: row.recipient_count,
            seen_count: row.seen_count,
            read_count: row.read_count,
            read_rate: f64::from(row.read_count) / f64::from(row.recipient_count.max(1)),
            first_read_at: row.first_read_at,
            last_read_at: row.last_read_at,
        }
    }

    fn of_audience(row: &message_audience::Model) -> Self {
        ReadStats {
            recipient_count: row.recipient_count,
            seen_count: row.seen_count,
            read_count: row.read_count,
            read_rate: f64::from(row.read_count) / f64::from(row.recipient_count.max(1)),
            first_read_at: row.first_read_at,
            last_read_at: row.last_read_at,
        }
    }
}

/// A person whom a message reached by one of its addresses. Who was reached twice stands here twice.
pub struct MessageRecipient {
    row: message_recipient::Model,
    user: Option<user::Model>,
    group: Option<::entity::group::Model>,
}

type RecipientRow =
    (message_recipient::Model, Option<user::Model>, Option<message_audience::Model>, Option<::entity::group::Model>);

/// Recipients with the person and the address.
fn recipients() -> sea_orm::SelectFour<
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
    /// The recipient row of a person and an address, for who may see readings.
    pub async fn find(app: &App, actor: &Actor, audience: i64, person: i64) -> error::Result<Self> {
        let not_found = Error::NotFound(Kind::MessageRecipient.noun());
        let row = recipients()
            .filter(message_recipient::COLUMN.audience_id.eq(audience))
            .filter(message_recipient::COLUMN.user_id.eq(person))
            .filter(message_audience::COLUMN.id.eq(audience))
            .one(app.db.read())
            .await?
            .ok_or(not_found.clone())?;
        let (message, _) = messages::find(app, actor, row.0.message_id).await?;
        if may_see_reading(actor, message.sender_id) { Ok(row.into()) } else { Err(not_found) }
    }
}

/// A person whom a message reached by one of its addresses. Who was reached twice stands here twice.
#[Object]
impl MessageRecipient {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::MessageRecipient.encode_pair(self.row.audience_id, self.row.user_id).into()
    }

    /// The person.
    async fn user(&self) -> Option<User> {
        self.user.clone().map(User::from)
    }

    /// The address by which it reached them; null for a group that was deleted.
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

    /// When they first read it. Marking it as unread does not take this back.
    async fn read_at(&self) -> Option<DateTime<Utc>> {
        self.row.read_at
    }
}

/// Which recipients to list.
#[derive(InputObject, Default)]
pub struct RecipientFilter {
    /// Those who have read it, or have not.
    has_read: Option<bool>,
    /// Those who have seen it, or have not.
    has_seen: Option<bool>,
}

/// Which sent messages to list.
#[derive(InputObject, Default)]
pub struct SentFilter {
    /// Only replies, or only messages that start a thread.
    is_reply: Option<bool>,
    /// A part of the subject or body, in any case.
    search: Option<String>,
}

#[derive(Default)]
pub struct MessageQuery;

#[Object]
impl MessageQuery {
    /// A message that the viewer got or sent (ADMIN: any); null when there is none.
    async fn message(&self, ctx: &Context<'_>, id: ID) -> Result<Option<Message>> {
        let actor = actor(ctx)?;
        let Ok(id) = Kind::Message.decode(&id) else { return Ok(None) };
        match messages::find(app(ctx), actor, id).await {
            Ok(sent) => Ok(Some(sent.into())),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What the viewer has sent, newest first; for a service that acts for nobody, what the system has sent.
    async fn sent_messages(
        &self,
        ctx: &Context<'_>,
        filter: Option<SentFilter>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Paged<Message>> {
        let page = page::<i64>((first, after, last, before))?;
        let sender = actor(ctx)?.user_id();
        // Needs no scope: what somebody sent is theirs.
        let mut sent = message::Entity::find().filter(match sender {
            Some(sender) => message::COLUMN.sender_id.eq(sender),
            None => message::COLUMN.sender_id.is_null(),
        });
        let SentFilter { is_reply, search } = filter.unwrap_or_default();
        match is_reply {
            Some(true) => sent = sent.filter(message::COLUMN.parent_id.is_not_null()),
            Some(false) => sent = sent.filter(message::COLUMN.parent_id.is_null()),
            None => {}
        }
        if let Some(search) = search {
            let search = text::search_pattern("search", &search)?;
            let subject = contains((message::Entity, message::Column::Subject), &search);
            let body = contains((message::Entity, message::Column::Body), &search);
            sent = sent.filter(sea_orm::Condition::any().add(subject).add(body));
        }
        let rows = page.seek(sent, [Expr::col((message::Entity, message::Column::Id))], Order::Desc);
        let rows = rows.find_also_related(user::Entity).all(app(ctx).db.read()).await.map_err(Error::from)?;
        Ok(connection(page.slice(rows), |(row, _)| row.id, Message::from))
    }
}

/// The message that was sent.
#[derive(SimpleObject)]
pub struct CreateMessagePayload {
    /// The message.
    message: Message,
}

/// The reply that was sent.
#[derive(SimpleObject)]
pub struct ReplyToMessagePayload {
    /// The reply.
    message: Message,
}

/// The message as it is now.
#[derive(SimpleObject)]
pub struct UpdateMessagePayload {
    /// The message.
    message: Message,
}

#[derive(Default)]
pub struct MessageMutation;

#[Object]
impl MessageMutation {
    /// Sends a message to people and groups. A service that acts for nobody sends as the system.
    async fn create_message(
        &self,
        ctx: &Context<'_>,
        input: CreateMessageInput,
    ) -> Result<Option<CreateMessagePayload>> {
        let sent = messages::send(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(CreateMessagePayload { message: sent.into() }))
    }

    /// Answers a message that the viewer got or sent.
    async fn reply_to_message(
        &self,
        ctx: &Context<'_>,
        input: ReplyToMessageInput,
    ) -> Result<Option<ReplyToMessagePayload>> {
        let sent = messages::reply(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(ReplyToMessagePayload { message: sent.into() }))
    }

    /// Changes a message that the viewer sent (ADMIN: any). A sent message cannot be unsent, but a past `expiresAt` takes it
    /// out of all inboxes.
    async fn update_message(
        &self,
        ctx: &Context<'_>,
        input: UpdateMessageInput,
    ) -> Result<Option<UpdateMessagePayload>> {
        let sent = messages::update(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(UpdateMessagePayload { message: sent.into() }))
    }
}
