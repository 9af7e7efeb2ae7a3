//! Messages and replies: sending, expiry, and whom they reach (M2–M7).
//!
//! A message is pushed: its recipients are settled and written with it, and `delivery` fills their
//! inboxes. This is what happens when somebody sends one to a group:
//!
//! 1. The input is checked, and `audience` looks up the people and groups on the read pool.
//! 2. The transaction begins by claiming the idempotency key. A repetition waits here for the first
//!    call, finds its result, and answers with that message, even if its own input has become
//!    invalid meanwhile. Only then is an invalid input refused.
//! 3. Whom it reaches is settled for good: each active member except the sender, once. If nobody is
//!    reached, everything is rolled back.
//! 4. Their inboxes count one more change. The message is inserted, with its folded text if a
//!    search needs one, then its addresses, with their names at this moment, the recipients, and
//!    their items.
//! 5. The key remembers the id of the message. The commit tells `inbox::live` whose inboxes have
//!    changed.
//!
//! Messages that reach few people are sent together with others that are waiting (`send`). If there
//! are more than `send::FEW`, a statement finds and writes the recipients where they are, and the
//! inboxes are filled after that. For more than [`crate::inbox::BATCH`] a `delivery` row says that
//! they are still to be filled, and the rest of the send follows the commit.
//!
//! `forget` deletes messages, or what they say of somebody who is erased; `retain` finds those that
//! are too old.
//!
//! A message may be written now and sent later: until then it is `planned`.
//!
//! A reply (`reply`) reaches the people that its parent reached, by the same addresses, and the
//! parent's sender, but not its own sender, nor anyone who has left or joined the group since. Its
//! transaction locks the thread and then the reminders that it ends, both before any inbox.

mod audience;
pub mod delivery;
mod draft;
pub mod forget;
pub mod planned;
pub mod reminders;
mod reply;
pub mod reports;
pub mod retain;
mod send;
pub mod sent;
pub mod threads;

use ::entity::{
    id::{MessageId, UserId},
    message, user,
};
use async_graphql::{Enum, ID, InputObject, MaybeUndefined};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde::Serialize;

use crate::{
    app::App,
    auth::Actor,
    clock,
    db::Topic,
    error::{Error, Result},
    extras::{self, Extras, ItemAction},
    id,
    inbox::refresh,
};

pub use audience::{AudienceRef, MOST_ADDRESSES};
pub use reply::reply;
pub use send::send;

use reminders::ReminderInput;

/// The most characters that a subject may have.
pub const LONGEST_SUBJECT: usize = 200;

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
    /// A link to what the message is about: an http or https URL, or a path of the host
    /// application. Like `data`, `actions` and `category` only for SERVICE and ADMIN; others get
    /// FORBIDDEN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Data for the host application's own clients: any JSON of at most 8 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
    /// What a recipient can do: at most 3 links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<ItemAction>>,
    /// A category of the catalog, which cannot change later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
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
    /// A link to what the message is about; null removes it. Like `data` and `actions` only for
    /// SERVICE and ADMIN; others get FORBIDDEN.
    pub url: MaybeUndefined<String>,
    /// Data for the host application's own clients: any JSON of at most 8 KiB; null removes it.
    pub data: MaybeUndefined<serde_json::Value>,
    /// What a recipient can do: at most 3 links, in place of those before; null removes them.
    pub actions: MaybeUndefined<Vec<ItemAction>>,
}

/// Changes the expiry of a message (M6), its reminder (M10), and what the host application says
/// with it. None of them can change once the message has left the inboxes. Until it is sent, the
/// rest of it can change, too (`planned`).
#[tracing::instrument(level = "debug", name = "messages::update", skip_all, fields(actor = actor.in_log()))]
pub async fn update(app: &App, actor: &Actor, input: UpdateMessageInput) -> Result<Sent> {
    let id: MessageId = id::decode(&input.message_id)?;
    let (message, sender) = find(app, actor, id).await?;
    check_own(actor, &message)?;
    if !(input.url.is_undefined() && input.data.is_undefined() && input.actions.is_undefined()) {
        actor.require_host()?;
    }
    let change = planned::check_change(app, actor, &input).await?;
    let extras = extras::Change::check(input.url, input.data, input.actions)?;
    let is_empty = input.expires_at.is_undefined()
        && input.reminder.is_undefined()
        && extras.is_none()
        && change.is_none();
    if is_empty {
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
    let root = message.root();
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
    // What is planned is in no inbox yet.
    let shows_more = !extras.is_none() && send_at.is_none();
    let extras =
        extras.of(Extras { url: message.url, data: message.data, actions: message.actions });
    let mut sql = tx.sql("messages::update");
    let (new_expiry, seq, message_id) = (sql.bind(expires_at), sql.bind(seq), sql.bind(id));
    let (url, data) = (sql.bind(extras.url), sql.bind(extras.data));
    let actions = sql.bind(extras.actions);
    sql.push(format!(
        "UPDATE message SET expires_at = {new_expiry}, seq = {seq}, url = {url}, data = {data}, \
         actions = {actions} WHERE id = {message_id} AND expired_at IS NULL"
    ));
    if sql.run(&*tx).await? == 0 {
        return Err(Error::Conflict("the message has expired and left the inboxes".into()));
    }
    let noted = refresh::note(&tx, shows_more.then_some(refresh::Changed::Message(id))).await?;
    tx.concerns([Topic::Jobs, Topic::Thread(root)]);
    tx.commit().await?;
    refresh::soon(&app.db, &noted, now).await;
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
