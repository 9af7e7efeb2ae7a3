use std::sync::Arc;

use ::entity::{
    id::{AudienceId, MessageId, UserId},
    message, message_recipient, user,
};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, Order, QueryFilter, sea_query::Expr};

use crate::{
    auth::Actor,
    error::{Error, Result, known},
    gate::reading,
    graphql::{
        SEARCH, TEXT, actor, app, cost,
        extras::{self, ItemAction},
        inbox::items::InboxItem,
        list_size, loader,
        loaders::{AudiencesOf, ItemAbout, ReminderOf, VisibleMessage},
        messages::{
            recipients::{
                MessageAudience, MessageRecipient, ReadStats, RecipientFilter, may_see_reading,
                recipients,
            },
            reminders::Reminder,
            reports::ReadTimelinePoint,
        },
        paging::{Paged, connection, page},
        people::users::User,
    },
    id,
    messages::{
        self, CreateMessageInput, ReplyToMessageInput, Sent, UpdateMessageInput,
        reports::{self, Interval},
        sent,
    },
};

/// A message or a reply.
pub struct Message {
    pub row: Arc<message::Model>,
    pub sender: Option<User>,
}

impl From<Sent> for Message {
    fn from((row, sender): Sent) -> Self {
        Message { row: row.into(), sender: sender.map(User::from) }
    }
}

/// A message or a reply.
#[Object]
impl Message {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::encode(self.row.id).into()
    }

    /// One line.
    async fn subject(&self) -> &str {
        &self.row.subject
    }

    /// Markdown, exactly as the sender wrote it: sanitise it before you show it as HTML.
    #[graphql(directive = cost::apply(TEXT))]
    async fn body(&self) -> &str {
        &self.row.body
    }

    /// The sender; null for the system.
    async fn sender(&self) -> Option<&User> {
        self.sender.as_ref()
    }

    /// The people and groups it was addressed to, with how far each has read it.
    async fn sent_to(&self, ctx: &Context<'_>) -> Result<Vec<MessageAudience>> {
        let with_reading = self.may_see_reading(actor(ctx)?);
        let with_names = reports::may_see_names(app(ctx), actor(ctx)?);
        let audiences = loader(ctx).load_one(AudiencesOf(self.row.id)).await?.unwrap_or_default();
        let show = |audience| MessageAudience::of(audience, with_reading, with_names);
        Ok(audiences.into_iter().map(show).collect())
    }

    /// One entry for each person and address, with what they have read, ordered by person. For the
    /// sender (unless the server hides who has read) and ADMIN; null for others.
    async fn recipients(
        &self,
        ctx: &Context<'_>,
        filter: Option<RecipientFilter>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<MessageRecipient>>> {
        let page = page::<(UserId, AudienceId)>((first, after, last, before))?;
        if !(self.may_see_reading(actor(ctx)?) && reports::may_see_names(app(ctx), actor(ctx)?)) {
            return Ok(None);
        }
        let mut recipients =
            recipients().filter(message_recipient::COLUMN.message_id.eq(self.row.id));
        let RecipientFilter { has_read, has_seen, has_replied } = filter.unwrap_or_default();
        use message_recipient::Column::{ReadAt, RepliedAt, SeenAt};
        for (wanted, column) in [(has_read, ReadAt), (has_seen, SeenAt), (has_replied, RepliedAt)] {
            match wanted {
                Some(true) => recipients = recipients.filter(column.is_not_null()),
                Some(false) => recipients = recipients.filter(column.is_null()),
                None => {}
            }
        }
        let key = [message_recipient::Column::UserId, message_recipient::Column::AudienceId];
        let key = key.map(|column| Expr::col((message_recipient::Entity, column)));
        let rows = page.seek(recipients, key, Order::Asc).all(app(ctx).db.read()).await?;
        let rows = rows.into_iter().map(MessageRecipient::from).collect();
        Ok(Some(connection(
            page.slice(rows),
            |r: &MessageRecipient| (r.row.user_id, r.row.audience_id),
            |r| r,
        )))
    }

    /// The message that this one replies to.
    async fn parent(&self, ctx: &Context<'_>) -> Result<Option<Message>> {
        match self.row.parent_id {
            Some(parent) => Message::find(ctx, parent).await,
            None => Ok(None),
        }
    }

    /// The first message of the thread; the message itself if it is not a reply.
    async fn root(&self, ctx: &Context<'_>) -> Result<Message> {
        Message::find(ctx, self.row.root()).await?.ok_or(Error::NotFound("message"))
    }

    /// 0 for the first message of a thread, 1 for a reply to it, and so on.
    async fn depth(&self) -> i32 {
        self.row.depth
    }

    /// The direct replies that the viewer may see, oldest first.
    async fn replies(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<Message>>> {
        let page = page::<MessageId>((first, after, last, before))?;
        let replies = message::Entity::visible_to(actor(ctx)?.reader())
            .filter(message::COLUMN.parent_id.eq(self.row.id));
        let rows =
            page.seek(replies, [Expr::col((message::Entity, message::Column::Id))], Order::Asc);
        let rows = rows.find_also_related(user::Entity).all(app(ctx).db.read()).await?;
        Ok(Some(connection(page.slice(rows), |(row, _)| row.id, Message::from)))
    }

    /// All replies below the first message of the thread that the viewer may see. Each stands
    /// before its own replies; replies to the same message are in order of arrival.
    async fn thread(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<Message>>> {
        let page = page::<Vec<u8>>((first, after, last, before))?;
        let thread = message::Entity::visible_to(actor(ctx)?.reader())
            .filter(message::COLUMN.root_id.eq(self.row.root()));
        let rows =
            page.seek(thread, [Expr::col((message::Entity, message::Column::Path))], Order::Asc);
        let rows = rows.find_also_related(user::Entity).all(app(ctx).db.read()).await?;
        Ok(Some(connection(page.slice(rows), |(row, _)| row.path.clone(), Message::from)))
    }

    /// When it leaves, or left, the inboxes; null if it stays. A message with a reminder stays
    /// until the time to respond to the final reminder has passed.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.row.expires_at
    }

    /// How it reminds those who have not read it; null if it does not. The reminder's progress
    /// reveals who has read the message, so it is for the sender and ADMIN, null for others.
    /// Recipients see on their inbox item when they were reminded.
    pub async fn reminder(&self, ctx: &Context<'_>) -> Result<Option<Reminder>> {
        if !self.may_see_reading(actor(ctx)?) {
            return Ok(None);
        }
        let row = loader(ctx).load_one(ReminderOf(self.row.id)).await?;
        Ok(row.map(|row| Reminder::of(&self.row, row)))
    }

    /// How far it has been read; each person counts once. For the sender and ADMIN;
    /// null for others.
    pub async fn read_stats(&self, ctx: &Context<'_>) -> Result<Option<ReadStats>> {
        let with_names = reports::may_see_names(app(ctx), actor(ctx)?);
        Ok(self.may_see_reading(actor(ctx)?).then(|| ReadStats::of_message(&self.row, with_names)))
    }

    /// How many people have replied to it, or to any message of the thread that it starts; each
    /// counts once. For the sender and ADMIN; null for others.
    pub async fn replied_count(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        Ok(self.may_see_reading(actor(ctx)?).then_some(self.row.replied_count))
    }

    /// How many people had read it over time: one point for each interval in which somebody first
    /// read it, oldest first. For the sender and ADMIN; null for others, and for a single recipient
    /// if the server hides who has read.
    #[graphql(directive = list_size::apply(500))]
    async fn read_timeline(
        &self,
        ctx: &Context<'_>,
        #[graphql(default_with = "Interval::Day")] interval: Interval,
        #[graphql(
            default_with = "reports::MOST_POINTS",
            desc = "The most points to return, the newest: between 1 and 500."
        )]
        last: i32,
    ) -> Result<Option<Vec<ReadTimelinePoint>>> {
        if !(1..=reports::MOST_POINTS).contains(&last) {
            let bounds = format!("must be between 1 and {}", reports::MOST_POINTS);
            return Err(Error::invalid("last", bounds));
        }
        let with_names = reports::may_see_names(app(ctx), actor(ctx)?);
        let with_times = reports::may_see_times(with_names, self.row.recipient_count);
        if !self.may_see_reading(actor(ctx)?) || !with_times {
            return Ok(None);
        }
        let points = reports::timeline(app(ctx), &self.row, interval, last).await?.into_iter();
        Ok(Some(
            points.map(|point| ReadTimelinePoint::of(point, self.row.recipient_count)).collect(),
        ))
    }

    /// The viewer's inbox item about it; null if the message did not reach them or has left their
    /// inbox.
    async fn viewer_inbox_item(&self, ctx: &Context<'_>) -> Result<Option<InboxItem>> {
        let Some(user) = actor(ctx)?.user_id() else { return Ok(None) };
        Ok(loader(ctx).load_one(ItemAbout { user, message: self.row.id }).await?.map(InboxItem))
    }

    /// Whether the viewer received or sent it, and so may reply. Not before it is sent.
    async fn viewer_can_reply(&self, ctx: &Context<'_>) -> Result<bool> {
        let Some(user) = actor(ctx)?.user_id() else { return Ok(false) };
        if self.row.send_at.is_some() {
            return Ok(false);
        }
        let own = VisibleMessage(message::Reader::User(user), self.row.id);
        Ok(loader(ctx).load_one(own).await?.is_some())
    }

    /// A link to what it is about: a web URL or a path of the host application; null if not given.
    async fn url(&self) -> Option<&str> {
        self.row.url.as_deref()
    }

    /// Data that the host application sent along for its clients; null if there is none.
    async fn data(&self) -> Result<Option<serde_json::Value>> {
        extras::data(self.row.data.as_deref())
    }

    /// What the reader can do, at most 3 links.
    #[graphql(directive = list_size::apply(3))]
    async fn actions(&self) -> Vec<ItemAction> {
        extras::actions(self.row.actions.as_deref())
    }

    /// Its category, a key of the catalog; null if it has none.
    async fn category(&self) -> Option<&str> {
        self.row.category.as_deref()
    }

    /// When it was sent; for a message that is still to be sent, when it was written.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// When it is to be sent; null once it has been sent. Until then, only its sender and ADMIN
    /// know of it.
    async fn send_at(&self) -> Option<DateTime<Utc>> {
        self.row.send_at
    }
}

impl Message {
    /// The message with this id, if the caller may see it.
    pub async fn find(ctx: &Context<'_>, id: MessageId) -> Result<Option<Self>> {
        let key = VisibleMessage(actor(ctx)?.reader(), id);
        Ok(loader(ctx).load_one(key).await?.map(Message::from))
    }

    /// Whether the reader is told who has read it: the sender, or the host application for a
    /// message from the system.
    fn may_see_reading(&self, actor: &Actor) -> bool {
        may_see_reading(actor, self.row.sender_id)
    }
}

/// Which sent messages to list.
#[derive(InputObject, Default)]
pub struct SentFilter {
    /// Only replies (true), or only messages that start a thread (false).
    is_reply: Option<bool>,
    /// Only messages that all of their recipients have read (true), or only those that somebody
    /// has still to read (false). A page may then be short, or empty, although there are more:
    /// `pageInfo` says so, and its cursor goes on from there.
    is_read_by_all: Option<bool>,
    /// Words to look for in subjects and bodies, or their beginnings, in any order and case; see
    /// `InboxFilter.search`.
    #[graphql(directive = cost::apply(SEARCH))]
    search: Option<String>,
}

#[derive(Default)]
pub struct MessageQuery;

#[Object]
impl MessageQuery {
    /// A message that the viewer received or sent (ADMIN: any message); null if there is none.
    async fn message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The message's id.")] id: ID,
    ) -> Result<Option<Message>> {
        let actor = actor(ctx)?;
        let Ok(id) = id::decode(&id) else { return Ok(None) };
        Ok(known(messages::find(app(ctx), actor, id).await)?.map(Message::from))
    }

    /// The messages that the viewer sent, newest first; one that was planned stands where it was
    /// written. For a service that acts for nobody, those that the system sent.
    async fn sent_messages(
        &self,
        ctx: &Context<'_>,
        filter: Option<SentFilter>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<Message>>> {
        let page = page::<MessageId>((first, after, last, before))?.by_number();
        let sender = actor(ctx)?.user_id();
        let SentFilter { is_reply, is_read_by_all, search } = filter.unwrap_or_default();
        let wanted = sent::Wanted { sender, is_reply, is_read_by_all };
        let found = reading(ctx, search.is_some(), move |app| async move {
            match search {
                Some(text) => sent::found(&app, wanted, &text, &page).await,
                None => sent::page(&app, wanted, &page).await,
            }
        });
        Ok(Some(connection(found.await?, |(row, _)| row.id, Message::from)))
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

/// The message after the change.
#[derive(SimpleObject)]
pub struct UpdateMessagePayload {
    /// The message.
    message: Message,
}

#[derive(Default)]
pub struct MessageMutation;

#[Object]
impl MessageMutation {
    /// Sends a message to people and groups, now or at a time (`sendAt`). A service that acts for
    /// nobody sends as the system.
    async fn create_message(
        &self,
        ctx: &Context<'_>,
        input: CreateMessageInput,
    ) -> Result<Option<CreateMessagePayload>> {
        let sent = messages::send(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(CreateMessagePayload { message: sent.into() }))
    }

    /// Replies to a message that the viewer received or sent.
    async fn reply_to_message(
        &self,
        ctx: &Context<'_>,
        input: ReplyToMessageInput,
    ) -> Result<Option<ReplyToMessagePayload>> {
        let sent = messages::reply(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(ReplyToMessagePayload { message: sent.into() }))
    }

    /// Changes the expiry or the reminder of a message that the viewer sent (ADMIN: any message). A
    /// message cannot be unsent, but an `expiresAt` in the past removes it from all inboxes and
    /// ends its reminders. Until a planned message is sent, everything in it can change.
    async fn update_message(
        &self,
        ctx: &Context<'_>,
        input: UpdateMessageInput,
    ) -> Result<Option<UpdateMessagePayload>> {
        let sent = messages::update(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(UpdateMessagePayload { message: sent.into() }))
    }
}
