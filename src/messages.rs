//! Messages and replies: sending, expiry, and who is reached (M2–M7).
//!
//! A message is pushed: its recipients are settled and written with it, and `delivery` fills their inboxes.

use std::collections::HashSet;

use ::entity::{message, message_audience, user};
use async_graphql::{Enum, ID, InputObject, MaybeUndefined, OneofObject};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    EntityTrait, QueryFilter, QuerySelect,
};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    auth::Actor,
    clock,
    db::{Topic, Tx},
    delivery,
    error::{Error, Result},
    groups::{self, GroupRef},
    id,
    idempotency::{self, Call, Claim},
    text, threads,
    users::{self, UserRef},
};

const MOST_ADDRESSES: usize = 100;
const LONGEST_SUBJECT: usize = 200;
const REPLY_PREFIX: &str = "Re: ";

/// A message and who sent it: they are always read and shown together.
pub type Sent = (message::Model, Option<user::Model>);

/// An address: a person, or everybody in a group.
#[derive(OneofObject, Clone, Debug, Serialize, Deserialize)]
pub enum AudienceRef {
    /// One person.
    User(UserRef),
    /// All members of a group at this moment.
    Group(GroupRef),
}

/// A new message.
#[derive(InputObject, Clone, Debug, Serialize)]
pub struct CreateMessageInput {
    /// 1 to 100 people and groups. Who is reached twice gets it once.
    pub to: Vec<AudienceRef>,
    /// One line of 1 to 200 characters.
    pub subject: String,
    /// Markdown, at most 64 KiB.
    pub body: String,
    /// When it leaves the inboxes again; in the future.
    pub expires_at: Option<DateTime<Utc>>,
    /// Makes a repetition of this call harmless: it answers with the message that the first one made. 1 to 255 bytes.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

/// A reply to a message that the caller got or sent.
#[derive(InputObject, Clone, Debug, Serialize)]
pub struct ReplyToMessageInput {
    /// The message that is answered.
    pub parent_id: ID,
    /// Markdown, at most 64 KiB.
    pub body: String,
    /// Whom the reply reaches.
    #[graphql(default)]
    pub scope: ReplyScope,
    /// Makes a repetition of this call harmless: it answers with the reply that the first one made. 1 to 255 bytes.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

/// Whom a reply reaches.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum ReplyScope {
    /// Only who sent the message.
    Sender,
    /// Who sent the message and everybody who got it, except those who have left the group by which they got it.
    #[default]
    Everyone,
}

/// A change of a message that was sent.
#[derive(InputObject, Clone, Debug)]
pub struct UpdateMessageInput {
    /// The message.
    pub message_id: ID,
    /// When it leaves the inboxes: a past time takes it out at once, for good; null lets it stay.
    pub expires_at: MaybeUndefined<DateTime<Utc>>,
}

/// Sends a message from the actor; from the system when a service acts for nobody.
pub async fn send(app: &App, actor: &Actor, mut input: CreateMessageInput) -> Result<Sent> {
    let now = app.clock.now();
    let call = Call::new(actor, "createMessage", &input, input.idempotency_key.as_deref())?;
    if let Some(id) = idempotency::done(app, &call).await? {
        return find(app, actor, id).await;
    }
    let subject = input.subject.trim().to_owned();
    text::check_line("subject", &subject, LONGEST_SUBJECT)?;
    text::check_body(&input.body)?;
    input.expires_at = input.expires_at.map(|time| clock::given("expiresAt", time)).transpose()?;
    if input.expires_at.is_some_and(|time| time <= now) {
        return Err(Error::invalid("expiresAt", "is in the future"));
    }
    let audiences = resolve(app, &input.to).await?;
    let sender = actor.user_id();

    let tx = app.db.begin().await?;
    let key = match idempotency::claim(&tx, call, now).await? {
        Claim::New(key) => key,
        Claim::Done(id) => {
            tx.commit().await?;
            return find(app, actor, id).await;
        }
    };
    let only_people = audiences.iter().all(|audience| matches!(audience, Audience::User(_)));
    let message = message::ActiveModel {
        sender_id: Set(sender),
        subject: Set(subject),
        body: Set(input.body),
        expires_at: Set(input.expires_at),
        recipient_count: Set(if only_people { audiences.len() as i32 } else { 0 }),
        ..blank(now)
    };
    let mut message = message.insert(&*tx).await?;
    address(&tx, &message, &audiences).await?;
    if !only_people {
        tx.run(TO_MEMBERS, [message.id.into(), sender.unwrap_or(0).into()]).await?;
        message.recipient_count = count_recipients(&tx, message.id).await?;
    }
    key.keep(&tx, message.id).await?;
    delivery::start(app, tx, &message).await?;
    Ok((message, actor.user.as_deref().cloned()))
}

/// The members of the groups among a message's addresses, but not `$2`, who sends it.
const TO_MEMBERS: &str = "INSERT INTO message_recipient (message_id, user_id, audience_id) \
    SELECT a.message_id, m.user_id, a.id FROM message_audience AS a \
    JOIN group_member AS m ON m.group_id = a.group_id AND m.removed_at IS NULL \
    JOIN \"user\" AS u ON u.id = m.user_id AND u.deactivated_at IS NULL \
    WHERE a.message_id = $1 AND m.user_id <> $2";

/// Those whom the parent `$2` reached by the same groups and who still belong to them, but not `$3` and `$4`: who
/// replies, and who sent the parent and is addressed in person.
const TO_REMAINING_MEMBERS: &str = "INSERT INTO message_recipient (message_id, user_id, audience_id) \
    SELECT a.message_id, r.user_id, a.id FROM message_audience AS a \
    JOIN message_audience AS p ON p.message_id = $2 AND p.group_id = a.group_id \
    JOIN message_recipient AS r ON r.message_id = $2 AND r.audience_id = p.id \
    JOIN group_member AS m ON m.group_id = a.group_id AND m.user_id = r.user_id AND m.removed_at IS NULL \
    JOIN \"user\" AS u ON u.id = r.user_id AND u.deactivated_at IS NULL \
    WHERE a.message_id = $1 AND r.user_id <> $3 AND r.user_id <> $4";

/// Answers a message that the actor got or sent (M7).
pub async fn reply(app: &App, actor: &Actor, input: ReplyToMessageInput) -> Result<Sent> {
    let sender = actor.person()?.id;
    let now = app.clock.now();
    let call = Call::new(actor, "replyToMessage", &input, input.idempotency_key.as_deref())?;
    if let Some(id) = idempotency::done(app, &call).await? {
        return find(app, actor, id).await;
    }
    text::check_body(&input.body)?;
    let (parent, author) = find(app, actor, id::Kind::Message.decode(&input.parent_id)?).await?;
    if !takes_part(app, sender, &parent).await? {
        return Err(Error::Conflict("only who got or sent the message can reply to it".into()));
    }
    let audiences = reply_audiences(app, sender, &parent, author, input.scope).await?;

    let tx = app.db.begin().await?;
    let key = match idempotency::claim(&tx, call, now).await? {
        Claim::New(key) => key,
        Claim::Done(id) => {
            tx.commit().await?;
            return find(app, actor, id).await;
        }
    };
    let root = parent.root();
    let seq = threads::change(&tx, root).await?;
    let message = message::ActiveModel {
        sender_id: Set(Some(sender)),
        subject: Set(reply_subject(&parent.subject)),
        body: Set(input.body),
        parent_id: Set(Some(parent.id)),
        root_id: Set(Some(root)),
        depth: Set(parent.depth + 1),
        path: Set(threads::path(&parent.path, seq)),
        seq: Set(seq),
        ..blank(now)
    };
    let mut message = message.insert(&*tx).await?;
    address(&tx, &message, &audiences).await?;
    let author = parent.sender_id.unwrap_or(0);
    tx.run(TO_REMAINING_MEMBERS, [message.id.into(), parent.id.into(), sender.into(), author.into()]).await?;
    message.recipient_count = count_recipients(&tx, message.id).await?;
    key.keep(&tx, message.id).await?;
    delivery::start(app, tx, &message).await?;
    Ok((message, actor.user.as_deref().cloned()))
}

/// Changes the expiry of a message (M6). Once it has left the inboxes that is settled.
pub async fn update(app: &App, actor: &Actor, input: UpdateMessageInput) -> Result<Sent> {
    let id = id::Kind::Message.decode(&input.message_id)?;
    let (message, sender) = find(app, actor, id).await?;
    let is_own = match message.sender_id {
        Some(sender) => actor.user_id() == Some(sender),
        None => actor.is_service(),
    };
    if !is_own && !actor.is_admin() {
        return Err(Error::Forbidden);
    }
    let expires_at = match input.expires_at {
        MaybeUndefined::Undefined => return Ok((message, sender)),
        MaybeUndefined::Null => None,
        MaybeUndefined::Value(time) => Some(clock::given("expiresAt", time)?),
    };
    let tx = app.db.begin().await?;
    let seq = threads::change(&tx, message.root()).await?;
    let update = "UPDATE message SET expires_at = $1, seq = $2 WHERE id = $3 AND expired_at IS NULL";
    if tx.run(update, [expires_at.into(), seq.into(), id.into()]).await? == 0 {
        return Err(Error::Conflict("the message has expired and left the inboxes".into()));
    }
    tx.concerns([Topic::Schedule, Topic::Thread(message.root())]);
    tx.commit().await?;
    if expires_at.is_some_and(|time| time <= app.clock.now()) {
        delivery::expire(app, id).await?;
    }
    find(app, actor, id).await
}

/// A message that the actor may know of.
pub async fn find(app: &App, actor: &Actor, id: i64) -> Result<Sent> {
    let query = message::Entity::visible_to(actor.reader()).filter(message::COLUMN.id.eq(id));
    query.find_also_related(user::Entity).one(app.db.read()).await?.ok_or(Error::NotFound("message"))
}

/// Whether a person sent the message or got it: an admin may see what they have no part in.
pub async fn takes_part(app: &App, person: i64, message: &message::Model) -> Result<bool> {
    let own = message::Entity::visible_to(message::Reader::User(person)).filter(message::COLUMN.id.eq(message.id));
    Ok(own.select_only().column(message::Column::Id).into_tuple::<i64>().one(app.db.read()).await?.is_some())
}

/// An address that was looked up.
enum Audience {
    User(user::Model),
    Group { id: i64, name: String },
}

async fn resolve(app: &App, to: &[AudienceRef]) -> Result<Vec<Audience>> {
    if to.is_empty() || to.len() > MOST_ADDRESSES {
        return Err(Error::invalid("to", format!("has between 1 and {MOST_ADDRESSES} addresses")));
    }
    let db = app.db.read();
    let mut people = Vec::new();
    let mut audiences = Vec::new();
    let mut known = HashSet::new();
    for (index, address) in to.iter().enumerate() {
        match address {
            AudienceRef::User(user) => people.push((format!("to.{index}"), user)),
            AudienceRef::Group(group) => {
                let group = groups::find(db, group).await;
                let group = group.map_err(|error| match error {
                    Error::NotFound(_) => Error::invalid(format!("to.{index}"), "there is no such group"),
                    error => error,
                })?;
                if known.insert(group.id) {
                    audiences.push(Audience::Group { id: group.id, name: group.name });
                }
            }
        }
    }
    if !people.is_empty() {
        let users = users::find_all(db, &people).await?;
        if let Some(user) = users.iter().find(|user| user.deactivated_at.is_some()) {
            return Err(Error::invalid("to", format!("{} is deactivated", user.external_id)));
        }
        audiences.extend(users.into_iter().map(Audience::User));
    }
    Ok(audiences)
}

/// Where a reply goes: to who sent the parent, and for everyone also to its addresses.
async fn reply_audiences(
    app: &App,
    sender: i64,
    parent: &message::Model,
    author: Option<user::Model>,
    scope: ReplyScope,
) -> Result<Vec<Audience>> {
    let mut audiences: Vec<_> = author.into_iter().map(Audience::User).collect();
    if scope == ReplyScope::Everyone {
        let before = message_audience::Entity::find().filter(message_audience::COLUMN.message_id.eq(parent.id));
        let before = before.find_also_related(user::Entity).all(app.db.read()).await?;
        for (audience, person) in before {
            audiences.extend(person.map(Audience::User));
            audiences.extend(audience.group_id.map(|id| Audience::Group { id, name: audience.name }));
        }
    }
    let mut known = HashSet::from([sender]);
    audiences.retain(|audience| match audience {
        Audience::User(user) => user.deactivated_at.is_none() && known.insert(user.id),
        Audience::Group { .. } => true,
    });
    if audiences.is_empty() {
        Err(Error::Conflict("there is nobody whom this reply would reach".into()))
    } else {
        Ok(audiences)
    }
}

/// Writes a message's addresses, and the recipients that are addressed in person.
async fn address(tx: &Tx, message: &message::Model, audiences: &[Audience]) -> Result<()> {
    let rows = audiences.iter().map(|audience| {
        let (user_id, group_id, name) = match audience {
            Audience::User(user) => (Some(user.id), None, user.name()),
            Audience::Group { id, name } => (None, Some(*id), name.clone()),
        };
        message_audience::ActiveModel {
            id: NotSet,
            message_id: Set(message.id),
            user_id: Set(user_id),
            group_id: Set(group_id),
            name: Set(name),
            recipient_count: Set(i32::from(user_id.is_some())),
            seen_count: Set(0),
            read_count: Set(0),
            first_read_at: Set(None),
            last_read_at: Set(None),
        }
    });
    message_audience::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
    let in_person = "INSERT INTO message_recipient (message_id, user_id, audience_id) \
                     SELECT message_id, user_id, id FROM message_audience WHERE message_id = $1 AND user_id IS NOT NULL";
    tx.run(in_person, [message.id.into()]).await?;
    Ok(())
}

/// Writes how many people a message and each of its addresses reach, from now on for good (M9). Gives the first number.
async fn count_recipients(tx: &Tx, message: i64) -> Result<i32> {
    let by_address = "UPDATE message_audience SET recipient_count = r.n FROM \
        (SELECT audience_id, CAST(count(*) AS integer) AS n FROM message_recipient WHERE message_id = $1 GROUP BY audience_id) AS r \
        WHERE message_audience.id = r.audience_id";
    tx.run(by_address, [message.into()]).await?;
    let in_all = "UPDATE message SET recipient_count = \
        (SELECT CAST(count(DISTINCT user_id) AS integer) FROM message_recipient WHERE message_id = $1) \
        WHERE id = $1 RETURNING recipient_count";
    let count = tx.rows(in_all, [message.into()]).await?;
    match count.first().map(|row| row.try_get_by_index(0)).transpose()? {
        Some(0) | None => Err(Error::invalid("to", "reaches nobody")),
        Some(count) => Ok(count),
    }
}

fn blank(now: DateTime<Utc>) -> message::ActiveModel {
    message::ActiveModel {
        id: NotSet,
        parent_id: Set(None),
        root_id: Set(None),
        depth: Set(0),
        path: Set(Vec::new()),
        seq: Set(0),
        recipient_count: Set(0),
        seen_count: Set(0),
        read_count: Set(0),
        first_read_at: Set(None),
        last_read_at: Set(None),
        expires_at: Set(None),
        expired_at: Set(None),
        created_at: Set(now),
        ..Default::default()
    }
}

fn reply_subject(subject: &str) -> String {
    if subject.starts_with(REPLY_PREFIX) { subject.to_owned() } else { format!("{REPLY_PREFIX}{subject}") }
}
