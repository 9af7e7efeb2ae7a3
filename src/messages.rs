//! Messages and replies: sending, expiry, and whom they reach (M2–M7).
//!
//! A message is pushed: its recipients are settled and written with it, and `delivery` fills their
//! inboxes. This is what happens when somebody sends one to a group:
//!
//! 1. The input is checked, and `audience` looks up the people and groups on the read pool.
//! 2. The transaction begins by claiming the idempotency key. A repetition waits here for the first
//!    call, finds its result, and answers with that message, even if its own input has become
//!    invalid meanwhile. Only then is an invalid input refused.
//! 3. The message is inserted, with its folded text if a search needs one, and then its addresses,
//!    with their names at this moment. One statement writes a recipient for each active member
//!    except the sender, and the counts are settled for good. If nobody is reached, everything is
//!    rolled back.
//! 4. The key remembers the id of the message. Up to [`crate::inbox::BATCH`] recipients get their
//!    items in the same transaction; for more, a `delivery` row says that they are still to come.
//! 5. The commit tells `inbox::live` whose inboxes have changed. Then the rest of a large send
//!    follows.
//!
//! A message to people only shares the transaction with others that are waiting (`send`).
//!
//! `forget` deletes messages, or what they say of somebody who is erased; `retain` finds those that
//! are too old.
//!
//! A message may be written now and sent later: until then it is `planned`.
//!
//! A reply reaches the people that its parent reached, by the same addresses, and the parent's
//! sender, but not its own sender, nor anyone who has left or joined the group since. Its
//! transaction locks the thread and then the reminders that it ends, both before any inbox.

mod audience;
pub mod delivery;
pub mod forget;
pub mod planned;
pub mod reminders;
pub mod reports;
pub mod retain;
mod send;
pub mod threads;

use ::entity::{
    id::{MessageId, Seq, UserId},
    message, user,
};
use async_graphql::{Enum, ID, InputObject, MaybeUndefined};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
};
use serde::Serialize;

use crate::{
    app::App,
    auth::Actor,
    clock,
    db::Topic,
    error::{Error, Result},
    id,
    idempotency::{self, Begun, Call},
    search::{self, Searched},
    text,
};

pub use audience::AudienceRef;
use audience::{
    Audience, add_people, add_remaining_members, address, count_recipients, reply_audiences,
};
pub use send::send;

use reminders::ReminderInput;

const LONGEST_SUBJECT: usize = 200;
const REPLY_PREFIX: &str = "Re: ";

/// A message and who sent it: they are always read and shown together.
pub type Sent = (message::Model, Option<user::Model>);

/// A new message.
#[derive(InputObject, Clone, Debug, Serialize)]
pub struct CreateMessageInput {
    /// 1 to 100 people and groups. Anyone addressed twice receives it once.
    pub to: Vec<AudienceRef>,
    /// One line of 1 to 200 characters.
    pub subject: String,
    /// Markdown, at most 64 KiB.
    pub body: String,
    /// When it leaves the inboxes; in the future, and after `sendAt`.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it is sent: its recipients are settled then, and reminders count from then. At once if
    /// omitted or in the past.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_at: Option<DateTime<Utc>>,
    /// Reminds those who have not read it. A message with a reminder stays in the inboxes until 24
    /// hours after the final one.
    // Omitted if there is none: the fingerprint is then the same as before reminders existed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reminder: Option<ReminderInput>,
    /// Makes it safe to repeat this call: a repetition returns the message that the first call
    /// created. 1 to 255 bytes.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

/// A reply to a message that the caller received or sent.
#[derive(InputObject, Clone, Debug, Serialize)]
pub struct ReplyToMessageInput {
    /// The message to reply to.
    pub parent_id: ID,
    /// Markdown, at most 64 KiB.
    pub body: String,
    /// Whom the reply reaches.
    #[graphql(default)]
    pub scope: ReplyScope,
    /// Makes it safe to repeat this call: a repetition returns the message that the first call
    /// created. 1 to 255 bytes.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

/// Whom a reply reaches.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum ReplyScope {
    /// Only the sender of the message.
    Sender,
    /// The sender of the message and everybody who received it, except those who have left the
    /// group through which they received it.
    #[default]
    Everyone,
}

/// A change of a message. Fields that are omitted stay unchanged.
#[derive(InputObject, Clone, Debug)]
pub struct UpdateMessageInput {
    /// The message.
    pub message_id: ID,
    /// 1 to 100 people and groups, instead of those that it was addressed to. Only until it is
    /// sent.
    pub to: Option<Vec<AudienceRef>>,
    /// One line of 1 to 200 characters. Only until the message is sent.
    pub subject: Option<String>,
    /// Markdown, at most 64 KiB. Only until the message is sent.
    pub body: Option<String>,
    /// When it is sent: at once if in the past. Only until it is sent.
    pub send_at: Option<DateTime<Utc>>,
    /// When it leaves the inboxes: a time in the past removes it at once, for good; null lets it
    /// stay. Until the message is sent: after `sendAt`.
    pub expires_at: MaybeUndefined<DateTime<Utc>>,
    /// Reminds those who have not read it, counted from now, or from `sendAt`; null ends the
    /// reminders.
    pub reminder: MaybeUndefined<ReminderInput>,
}

/// The message that is replied to, and whom the reply reaches.
async fn check_reply(
    app: &App,
    actor: &Actor,
    sender: UserId,
    input: &ReplyToMessageInput,
) -> Result<(message::Model, Vec<Audience>)> {
    text::check_body(&input.body)?;
    let (parent, author) = find(app, actor, id::decode(&input.parent_id)?).await?;
    if parent.send_at.is_some() {
        return Err(Error::Conflict("the message has not been sent yet".into()));
    }
    if !takes_part(app, sender, &parent).await? {
        return Err(Error::Conflict(
            "only people who received or sent the message can reply to it".into(),
        ));
    }
    let audiences = reply_audiences(app, sender, &parent, author, input.scope).await?;
    Ok((parent, audiences))
}

/// Replies to a message that the actor received or sent (M7).
#[tracing::instrument(name = "messages::reply", skip_all, fields(actor = actor.in_log()))]
pub async fn reply(app: &App, actor: &Actor, input: ReplyToMessageInput) -> Result<Sent> {
    let sender = actor.person()?.id;
    let now = app.clock.now();
    let call = Call::new(actor, "replyToMessage", &input, input.idempotency_key.as_deref())?;
    let checked = check_reply(app, actor, sender, &input).await;
    let (tx, key, parent, audiences) = match idempotency::begin(app, call, checked, now).await? {
        Begun::New(tx, key, (parent, audiences)) => (tx, key, parent, audiences),
        Begun::Done(id) => return find(app, actor, MessageId(id)).await,
    };
    let root = parent.root();
    let seq = threads::change(&tx, root).await?;
    reminders::lock_for_reply(&tx, parent.id, root).await?;
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
    let text = [&*message.subject, &message.body].join("\n");
    search::add(&tx, Searched::Message, [(message.id.0, text)]).await?;
    address(&tx, &audiences.iter().map(|audience| (message.id, audience)).collect::<Vec<_>>())
        .await?;
    add_people(&tx, &[message.id]).await?;
    if audiences.iter().any(|audience| matches!(audience, Audience::Group { .. })) {
        add_remaining_members(&tx, &message, &parent).await?;
    }
    message.recipient_count = count_recipients(&tx, message.id).await?;
    key.keep(&tx, message.id.0).await?;
    delivery::start(&tx, &message).await?;
    reminders::note_reply(&tx, sender, parent.id, root, now).await?;
    tx.commit().await?;
    delivery::go_on(app, &message).await;
    Ok((message, actor.user.as_deref().cloned()))
}

/// Changes the expiry of a message (M6) and its reminder (M10). Neither can change once the message
/// has left the inboxes. Until it is sent, the rest of it can change, too (`planned`).
#[tracing::instrument(name = "messages::update", skip_all, fields(actor = actor.in_log()))]
pub async fn update(app: &App, actor: &Actor, input: UpdateMessageInput) -> Result<Sent> {
    let id: MessageId = id::decode(&input.message_id)?;
    let (message, sender) = find(app, actor, id).await?;
    check_own(actor, &message)?;
    let change = planned::check_change(app, &input).await?;
    if input.expires_at.is_undefined() && input.reminder.is_undefined() && change.is_none() {
        return Ok((message, sender));
    }
    let plan = |input| reminders::plan(app, actor, sender.as_ref(), input);
    let plan = input.reminder.map_value(plan).transpose()?;
    let now = app.clock.now();
    let tx = app.db.begin().await?;
    let seq = threads::change(&tx, message.root()).await?;
    // Under the thread's lock.
    let message =
        message::Entity::find_by_id(id).one(&*tx).await?.ok_or(Error::NotFound("message"))?;
    let expires_at = match input.expires_at {
        MaybeUndefined::Undefined => message.expires_at,
        MaybeUndefined::Null => None,
        MaybeUndefined::Value(time) => Some(clock::given("expiresAt", time)?),
    };
    let send_at = planned::change(&tx, &message, change, expires_at, now).await?;
    reminders::change(&tx, actor, &message, expires_at, plan, now).await?;
    if let Some(send_at) = send_at {
        reminders::hold(&tx, id, send_at).await?;
    }
    let mut sql = tx.sql("messages::update");
    let (new_expiry, seq, message_id) = (sql.bind(expires_at), sql.bind(seq), sql.bind(id));
    sql.push(format!(
        "UPDATE message SET expires_at = {new_expiry}, seq = {seq} \
         WHERE id = {message_id} AND expired_at IS NULL"
    ));
    if sql.run(&*tx).await? == 0 {
        return Err(Error::Conflict("the message has expired and left the inboxes".into()));
    }
    tx.concerns([Topic::Jobs, Topic::Thread(message.root())]);
    tx.commit().await?;
    if send_at.is_some_and(|time| time <= now) {
        planned::send_due(app, id).await?;
        return find(app, actor, id).await;
    }
    // Not if only the reminder was changed: the last one may still have been due.
    if !input.expires_at.is_undefined() && expires_at.is_some_and(|time| time <= now) {
        delivery::expire(app, id).await?;
    }
    find(app, actor, id).await
}

/// Only the sender changes a message, and admins; the host application those of the system.
fn check_own(actor: &Actor, message: &message::Model) -> Result<()> {
    let is_own = match message.sender_id {
        Some(sender) => actor.user_id() == Some(sender),
        None => actor.is_host(),
    };
    if is_own || actor.is_admin() { Ok(()) } else { Err(Error::Forbidden) }
}

/// A message that the actor may know about.
pub async fn find(app: &App, actor: &Actor, id: MessageId) -> Result<Sent> {
    let query = message::Entity::visible_to(actor.reader()).filter(message::COLUMN.id.eq(id));
    query
        .find_also_related(user::Entity)
        .one(app.db.read())
        .await?
        .ok_or(Error::NotFound("message"))
}

/// Whether a person sent or received the message: an admin may see messages they have no part in.
pub async fn takes_part(app: &App, person: UserId, message: &message::Model) -> Result<bool> {
    let own = message::Entity::visible_to(message::Reader::User(person))
        .filter(message::COLUMN.id.eq(message.id));
    Ok(own
        .select_only()
        .column(message::Column::Id)
        .into_tuple::<MessageId>()
        .one(app.db.read())
        .await?
        .is_some())
}

fn blank(now: DateTime<Utc>) -> message::ActiveModel {
    message::ActiveModel {
        id: NotSet,
        parent_id: Set(None),
        root_id: Set(None),
        depth: Set(0),
        path: Set(Vec::new()),
        seq: Set(Seq(0)),
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
    if subject.starts_with(REPLY_PREFIX) {
        subject.to_owned()
    } else {
        format!("{REPLY_PREFIX}{subject}")
    }
}
