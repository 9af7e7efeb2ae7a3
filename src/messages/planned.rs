//! Messages to come: written now, and sent at a time (`sendAt`).
//!
//! A planned message is a row of `message` with `send_at`, and its addresses. It has no recipients
//! yet, so nobody but its sender knows of it, and until its time it can be changed or cancelled.
//!
//! - It is sent by a job, or by the change that moves its time into the past. Both lock its thread
//!   first, and look again under the lock: so it is sent exactly once, on any number of servers, as
//!   it was last changed. `send_at` becomes null in the transaction that settles the recipients.
//! - Whom its sender may write to is decided when it is planned, or its addresses are changed. Whom
//!   it reaches is decided when it is sent. Addresses of people who are deactivated by then, and of
//!   groups that are deleted, are left out. If nobody is left, it is sent and reaches nobody: there
//!   is no call that could be refused any more.
//! - If its sender is deactivated, it waits until they are reactivated.
//! - If it has expired meanwhile, because no server was running or its sender was deactivated,
//!   nobody gets it.

use ::entity::{
    group,
    id::{MessageId, Seq, UserId},
    message, message_audience, user,
};
use async_graphql::ID;
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{
    LONGEST_SUBJECT, Sent, UpdateMessageInput,
    audience::{
        Audience, Reach, add_all_members, add_people, address, count_recipients, groups, resolve,
    },
    check_own, delivery,
    draft::{Draft, Letter, write_texts},
    find, forget, reminders, threads,
};
use crate::{
    app::App,
    auth::Actor,
    clock,
    db::{Sql, Topic, Tx},
    error::{Error, Result},
    id,
    idempotency::{self, Begun, Call},
    search::{self, Searched},
    text,
};

/// Refuses a message that would leave the inboxes before it is sent.
pub fn check_expiry(
    expires_at: Option<DateTime<Utc>>,
    send_at: Option<DateTime<Utc>>,
) -> Result<()> {
    match (expires_at, send_at) {
        (Some(leaves), Some(comes)) if leaves <= comes => {
            Err(Error::invalid("expiresAt", "must be after sendAt"))
        }
        _ => Ok(()),
    }
}

/// Writes a message that is to be sent at a time. Whether its sender may write to its addresses has
/// been decided, for good.
#[tracing::instrument(level = "debug", name = "planned::plan", skip_all, fields(actor = actor.in_log()))]
pub async fn plan(app: &App, actor: &Actor, call: Option<Call>, draft: Draft) -> Result<Sent> {
    let now = app.clock.now();
    let (tx, key, mut draft) = match idempotency::begin(app, call, Ok(draft), now).await? {
        Begun::New(tx, key, draft) => (tx, key, draft),
        Begun::Done(id) => return find(app, actor, MessageId(id)).await,
    };
    let letter = Letter { draft: &draft, seq: Seq(0), reach: Reach::default() };
    let message = write_texts(&tx, &[letter], now).await?.remove(0);
    address_later(&tx, message.id, &draft.audiences).await?;
    if let (Some(plan), Some(send_at)) = (draft.reminder.take(), draft.send_at) {
        reminders::set(&tx, message.id, plan, send_at, message.expires_at).await?;
        reminders::hold(&tx, message.id, send_at).await?;
    }
    key.keep(&tx, message.id.0).await?;
    tx.concerns([Topic::Jobs]);
    tx.commit().await?;
    Ok((message, actor.user.as_deref().cloned()))
}

/// Writes the addresses of a message that reaches nobody yet.
async fn address_later(tx: &Tx, message: MessageId, audiences: &[Audience]) -> Result<()> {
    let addresses: Vec<_> = audiences.iter().map(|audience| (message, audience, 0)).collect();
    address(tx, &addresses).await
}

async fn forget_addresses(tx: &Tx, message: MessageId) -> Result<()> {
    let mut sql = tx.sql("planned::forget_addresses");
    let message = sql.bind(message);
    sql.push(format!("DELETE FROM message_audience WHERE message_id = {message}"));
    sql.run(&**tx).await.map(drop)
}

/// A change, whose input is valid, of what only a planned message can have changed.
pub struct Change {
    audiences: Option<Vec<Audience>>,
    subject: Option<String>,
    body: Option<String>,
    send_at: Option<DateTime<Utc>>,
}

/// None if nothing of that kind is to change.
pub async fn check_change(
    app: &App,
    actor: &Actor,
    input: &UpdateMessageInput,
) -> Result<Option<Change>> {
    let UpdateMessageInput { to, subject, body, send_at, .. } = input;
    if to.is_none() && subject.is_none() && body.is_none() && send_at.is_none() {
        return Ok(None);
    }
    let subject = subject.as_ref().map(|subject| subject.trim().to_owned());
    if let Some(subject) = &subject {
        text::check_line("subject", subject, LONGEST_SUBJECT)?;
    }
    if let Some(body) = body {
        text::check_body(body)?;
    }
    let send_at = send_at.map(|time| clock::given("sendAt", time)).transpose()?;
    let audiences = match to {
        Some(to) => Some(resolve(app, actor, to).await?),
        None => None,
    };
    Ok(Some(Change { audiences, subject, body: body.clone(), send_at }))
}

/// Applies a change to a message, which may no longer be planned; `expires_at` is its new expiry.
/// Returns when it is to be sent; None: it has been sent. The caller holds the lock of the thread.
pub async fn change(
    tx: &Tx,
    message: &message::Model,
    change: Option<Change>,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>> {
    let Some(planned) = message.send_at else {
        return match change {
            Some(_) => Err(Error::Conflict("the message has been sent".into())),
            None => Ok(None),
        };
    };
    let Some(change) = change else {
        check_expiry(expires_at, Some(planned))?;
        return Ok(Some(planned));
    };
    let send_at = change.send_at.map_or(planned, |time| time.max(now));
    check_expiry(expires_at, Some(send_at))?;
    let new = message::ActiveModel {
        id: Set(message.id),
        subject: Set(change.subject.unwrap_or_else(|| message.subject.clone())),
        body: Set(change.body.unwrap_or_else(|| message.body.clone())),
        send_at: Set(Some(send_at)),
        ..Default::default()
    };
    let new = message::Entity::update(new).exec(&**tx).await?;
    let text = [&*new.subject, &new.body].join("\n");
    search::change(tx, Searched::Message, [(new.id.0, text)], now).await?;
    if let Some(audiences) = change.audiences {
        forget_addresses(tx, message.id).await?;
        address_later(tx, message.id, &audiences).await?;
    }
    tx.concerns([Topic::Jobs]);
    Ok(Some(send_at))
}

/// Cancels a planned message: nothing of it is left.
#[tracing::instrument(level = "debug", name = "planned::cancel", skip_all, fields(actor = actor.in_log()))]
pub async fn cancel(app: &App, actor: &Actor, id: &ID) -> Result<MessageId> {
    let id: MessageId = id::decode(id)?;
    let (message, _) = find(app, actor, id).await?;
    check_own(actor, &message)?;
    let tx = app.db.begin().await?;
    threads::change(&tx, id).await?;
    // Under the lock of the thread.
    match message::Entity::find_by_id(id).one(&*tx).await? {
        None => Err(Error::NotFound("message")),
        Some(message) if message.send_at.is_none() => {
            Err(Error::Conflict("the message has been sent".into()))
        }
        Some(_) => {
            forget::delete(&tx, &[id], app.clock.now()).await?;
            tx.commit().await?;
            Ok(id)
        }
    }
}

/// Sends a planned message if its time has come and nobody else has sent it. The inboxes of many
/// recipients are filled by the job that delivers. Idempotent.
pub async fn send_due(app: &App, id: MessageId) -> Result<()> {
    let now = app.clock.now();
    let tx = app.db.begin().await?;
    let seq = match threads::change(&tx, id).await {
        // Somebody has cancelled it.
        Err(Error::NotFound(_)) => return Ok(()),
        seq => seq?,
    };
    // Under the lock of the thread: somebody may have been faster, perhaps in the same group of
    // commits, and it has been sent when that is durable.
    let mut sql = tx.sql("planned::is_due");
    let (this, is_due) = (sql.bind(id), is_due(&mut sql, now));
    sql.push(format!("SELECT 1 FROM message AS m WHERE m.id = {this} AND {is_due}"));
    let message = match sql.exists(&*tx).await? {
        true => message::Entity::find_by_id(id).one(&*tx).await?,
        false => None,
    };
    let Some(mut message) = message else { return tx.commit().await };
    reminders::lock(&tx, id).await?;
    message.created_at = now;
    message.send_at = None;
    message.seq = seq;
    if message.expires_at.is_some_and(|time| time <= now) {
        message.expired_at = Some(now);
        reminders::close(&tx, id, now).await?;
    } else {
        message.recipient_count = settle_recipients(&tx, &message).await?;
        reminders::begin(&tx, id, message.expires_at, now).await?;
    }
    let sent = message::ActiveModel {
        id: Set(id),
        created_at: Set(now),
        send_at: Set(None),
        seq: Set(seq),
        expired_at: Set(message.expired_at),
        ..Default::default()
    };
    // Locks its row before the inboxes: nobody who has locked one can want it yet.
    message::Entity::update(sent).exec(&*tx).await?;
    if message.recipient_count > 0 {
        delivery::start(&tx, &message).await?;
    }
    tx.concerns([Topic::Jobs, Topic::Thread(id), Topic::Reading(id)]);
    tx.commit().await
}

/// Writes the recipients of a planned message, and its addresses with the names of today. Returns
/// how many people it reaches.
async fn settle_recipients(tx: &Tx, message: &message::Model) -> Result<i32> {
    let planned = message_audience::Entity::find()
        .filter(message_audience::COLUMN.message_id.eq(message.id))
        .order_by_asc(message_audience::Column::Id);
    let planned = planned.find_also_related(user::Entity).all(&**tx).await?;
    let among_them = planned.iter().filter_map(|(address, _)| address.group_id);
    let still_there = group::Entity::find()
        .filter(group::COLUMN.id.is_in(among_them))
        .filter(group::COLUMN.deleted_at.is_null())
        .all(&**tx)
        .await?;
    let mut audiences = Vec::new();
    for (address, person) in planned {
        audiences
            .extend(person.filter(|person| person.deactivated_at.is_none()).map(Audience::from));
        let group = still_there.iter().find(|group| Some(group.id) == address.group_id);
        audiences
            .extend(group.map(|group| Audience::Group { id: group.id, name: group.name.clone() }));
    }
    forget_addresses(tx, message.id).await?;
    if audiences.is_empty() {
        return Ok(0);
    }
    let reach = Reach::in_person(&audiences);
    let addresses = audiences.iter().map(|audience| (message.id, audience, reach.by(audience)));
    address(tx, &addresses.collect::<Vec<_>>()).await?;
    add_people(tx, &[message.id]).await?;
    add_all_members(tx, message.id, message.sender_id, None, groups(&audiences)).await?;
    count_recipients(tx, message.id).await
}

/// The condition that a message `m` is planned, and that its sender may send it.
const MAY_BE_SENT: &str = "m.send_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM user_account AS u \
    WHERE u.id = m.sender_id AND u.deactivated_at IS NOT NULL)";

/// Messages `m` that are to be sent now.
fn is_due(sql: &mut Sql, now: DateTime<Utc>) -> String {
    format!("m.send_at <= {} AND {MAY_BE_SENT}", sql.bind(now))
}

/// When the next message is to be sent.
pub async fn next(app: &App) -> Result<Option<DateTime<Utc>>> {
    let mut sql = app.db.sql("planned::next");
    sql.push(format!(
        "SELECT m.send_at FROM message AS m WHERE {MAY_BE_SENT} ORDER BY m.send_at LIMIT 1"
    ));
    sql.value(app.db.read()).await
}

/// The messages that are to be sent now, at most `limit` of them.
pub async fn due(app: &App, limit: u64) -> Result<Vec<MessageId>> {
    let mut sql = app.db.sql("planned::due");
    let is_due = is_due(&mut sql, app.clock.now());
    sql.push(format!(
        "SELECT m.id FROM message AS m WHERE {is_due} ORDER BY m.send_at, m.id LIMIT {limit}"
    ));
    sql.values(app.db.read()).await
}

/// Deletes what a person has planned, some of it. Returns whether there may be more.
pub async fn forget_some(app: &App, sender: UserId) -> Result<bool> {
    /// Messages that one transaction deletes.
    const MOST: usize = 100;
    let mut sql = app.db.sql("planned::of_sender");
    let sender = sql.bind(sender);
    sql.push(format!(
        "SELECT m.id FROM message AS m WHERE m.sender_id = {sender} AND m.send_at IS NOT NULL \
         ORDER BY m.send_at LIMIT {MOST}"
    ));
    let mut planned: Vec<MessageId> = sql.values(app.db.read()).await?;
    if planned.is_empty() {
        return Ok(false);
    }
    let is_more = planned.len() == MOST;
    planned.sort_unstable();
    let tx = app.db.begin().await?;
    for id in &planned {
        match threads::change(&tx, *id).await {
            // Somebody has cancelled it.
            Err(Error::NotFound(_)) => return Ok(true),
            locked => locked?,
        };
    }
    // Under the locks of the threads: one of them may have been sent at this moment.
    let mut sql = tx.sql("planned::still_planned");
    let these = sql.is_one_of("id", &planned);
    sql.push(format!("SELECT id FROM message WHERE {these} AND send_at IS NOT NULL"));
    let planned: Vec<MessageId> = sql.values(&*tx).await?;
    forget::delete(&tx, &planned, app.clock.now()).await?;
    tx.commit().await?;
    Ok(is_more)
}
