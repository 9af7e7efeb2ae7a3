//! How messages enter and leave inboxes, for any number of recipients.
//!
//! A send to more than [`inbox::BATCH`] people fills the inboxes in further transactions of that
//! many, in the order of the users, so that no lock is held for long. A `delivery` row says how far
//! it has got. Each transaction locks that row first, and the last one deletes it; after a crash
//! any server finds the row and continues (`jobs`). The call that sends the message waits for all
//! of them. If one fails, the message is sent all the same, and the rest is left to the job.
//!
//! An expiry is carried out in the same steps. The first one settles it (`expired_at`), so that it
//! can no longer be put off: a message that has begun to leave the inboxes leaves all of them, and
//! recipients whom a large send has not reached by then never get it. An `expiry` row says how far
//! the rest has got. A message with a reminder leaves only when the time to respond to the last one
//! has passed and the campaign, if it is one, has deactivated everybody it has to.
//!
//! On SQLite, the transaction that deleted such a row may be in the same group of commits as the
//! one that finds it gone. So a transaction that finds nothing to do still commits: only then is it
//! durable that everything was done.

use ::entity::{
    delivery, expiry,
    id::{MessageId, UserId},
    message,
};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, EntityTrait, FromQueryResult};

use crate::{
    app::App,
    db::{Param, Sql, Topic, Tx},
    error::{Error, Result},
    inbox::{self, Recipients},
    messages::{reminders, threads},
};

/// Fills the inboxes of a new message, or notes that they have to be filled: [`go_on`] does the
/// rest after the commit.
pub async fn start(tx: &Tx, message: &message::Model) -> Result<()> {
    tx.concerns(message.root_id.map(Topic::Thread));
    tx.concerns(message.expires_at.is_some().then_some(Topic::Jobs));
    if is_at_once(message) {
        let to = if message.recipient_count == 1 { Recipients::One } else { Recipients::All };
        let category = message.category.as_deref();
        inbox::deliver(tx, message.id, category, to, message.created_at).await?;
        return match message.root_id {
            Some(_) => inbox::quieten(tx, &[message.id], to, message.created_at).await,
            None => Ok(()),
        };
    }
    let start = delivery::ActiveModel { message_id: Set(message.id), delivered_to: Set(UserId(0)) };
    delivery::Entity::insert(start).exec_without_returning(&**tx).await?;
    Ok(())
}

fn is_at_once(message: &message::Model) -> bool {
    i64::from(message.recipient_count) <= inbox::BATCH
}

/// Fills the inboxes of a message that has been sent, as far as they have not been filled yet.
pub async fn go_on(app: &App, message: &message::Model) {
    if !is_at_once(message)
        && let Err(error) = deliver_rest(&app.in_background(), message.id).await
    {
        // It is sent; the rest follows.
        tracing::warn!(?error, "a large send will continue later");
        app.live.hint(Topic::Jobs);
    }
}

/// Fills the inboxes that a large send has not reached yet, batch by batch. Several callers may do
/// it at once.
async fn deliver_rest(app: &App, id: MessageId) -> Result<()> {
    while deliver_some(app, id).await? {}
    Ok(())
}

/// The large sends that are under way, at most `limit` of them.
pub async fn under_way(app: &App, limit: u64) -> Result<Vec<MessageId>> {
    let mut sql = app.db.sql("delivery::under_way");
    sql.push(format!("SELECT message_id FROM delivery ORDER BY message_id LIMIT {limit}"));
    sql.values(app.db.read()).await
}

/// How far a large send has got.
#[derive(FromQueryResult)]
struct UnderWay {
    delivered_to: UserId,
    sent_at: DateTime<Utc>,
    category: Option<String>,
}

/// Locks a large send; None if it has finished.
async fn lock_delivery(tx: &Tx, id: MessageId) -> Result<Option<UnderWay>> {
    let mut sql = tx.sql("delivery::lock");
    let (message, for_update) = (sql.bind(id), sql.dialect().for_update());
    sql.push(format!(
        "SELECT delivered_to, (SELECT created_at FROM message WHERE id = message_id) AS sent_at, \
         (SELECT category FROM message WHERE id = message_id) AS category \
         FROM delivery WHERE message_id = {message} {for_update}"
    ));
    sql.one(&**tx).await
}

/// The last of the next people that a large send reaches.
async fn next_part(tx: &Tx, id: MessageId, after: UserId) -> Result<Option<UserId>> {
    let mut sql = tx.sql("delivery::next_part");
    let (message, after) = (sql.bind(id), sql.bind(after));
    let most = inbox::BATCH;
    sql.push(format!(
        "SELECT max(user_id) FROM (SELECT DISTINCT user_id FROM message_recipient \
         WHERE message_id = {message} AND user_id > {after} ORDER BY user_id LIMIT {most}) AS next"
    ));
    sql.value(&**tx).await
}

async fn note_delivery(tx: &Tx, id: MessageId, up_to: UserId) -> Result<()> {
    let mut sql = tx.sql("delivery::note");
    let (message, up_to) = (sql.bind(id), sql.bind(up_to));
    sql.push(format!("UPDATE delivery SET delivered_to = {up_to} WHERE message_id = {message}"));
    sql.run(&**tx).await.map(drop)
}

async fn end_delivery(tx: &Tx, id: MessageId) -> Result<()> {
    let mut sql = tx.sql("delivery::end");
    let message = sql.bind(id);
    sql.push(format!("DELETE FROM delivery WHERE message_id = {message}"));
    sql.run(&**tx).await.map(drop)
}

/// Fills the inboxes of the next people whom a large send has not reached yet. Returns whether
/// there may be more.
pub async fn deliver_some(app: &App, id: MessageId) -> Result<bool> {
    let tx = app.db.begin().await?;
    let Some(state) = lock_delivery(&tx, id).await? else {
        // The transaction that deleted it may be in the same group of commits: it is done when that
        // is durable.
        tx.commit().await?;
        return Ok(false);
    };
    let after = state.delivered_to;
    let next = next_part(&tx, id, after).await?;
    match next {
        Some(up_to) => {
            let (to, category) = (Recipients::Between(after, up_to), state.category.as_deref());
            inbox::deliver(&tx, id, category, to, state.sent_at).await?;
            inbox::quieten(&tx, &[id], to, state.sent_at).await?;
            note_delivery(&tx, id, up_to).await?;
        }
        None => {
            end_delivery(&tx, id).await?;
            // Now it can send reminders.
            tx.concerns([Topic::Jobs]);
        }
    }
    tx.commit().await?;
    Ok(next.is_some())
}

/// Removes a message that is due to leave from all inboxes. Idempotent.
pub async fn expire(app: &App, id: MessageId) -> Result<()> {
    while expire_some(app, id).await? {}
    Ok(())
}

/// Removes a message that is due to leave from the inboxes of the next people, usually all of them.
/// Returns whether there may be more. Several callers may do it at once.
pub async fn expire_some(app: &App, id: MessageId) -> Result<bool> {
    let Some(message) = message::Entity::find_by_id(id).one(app.db.read()).await? else {
        return Ok(false);
    };
    if message.expired_at.is_none() {
        settle_expiry(app, &message).await?;
    }
    if is_at_once(&message) { Ok(false) } else { remove_next(app, id).await }
}

/// From here on the expiry of a message cannot be put off: a message that has begun to leave the
/// inboxes leaves all of them. A message to few people leaves them in this transaction.
async fn settle_expiry(app: &App, message: &message::Model) -> Result<()> {
    let (id, now) = (message.id, app.clock.now());
    let tx = app.db.begin().await?;
    let seq = match threads::change(&tx, message.root()).await {
        // It has just been deleted.
        Err(Error::NotFound(_)) => return Ok(()),
        seq => seq?,
    };
    // Waits for a reminder date that is under way; another date may follow it.
    reminders::lock(&tx, id).await?;
    // Since the message was found to be due, its sender may have put off the expiry, or somebody
    // else may have been faster: perhaps in the same group of commits, and it is settled when that
    // is durable.
    let mut sql = tx.sql("delivery::may_expire");
    let (this, is_due) = (sql.bind(id), is_due(&mut sql, now));
    sql.push(format!("SELECT 1 FROM message AS m WHERE m.id = {this} AND {is_due}"));
    if !sql.exists(&*tx).await? {
        return tx.commit().await;
    }
    reminders::close(&tx, id, now).await?;
    // Waits for a part of a large send that is under way. Anyone it has not reached by now never
    // gets the message.
    end_delivery(&tx, id).await?;
    if is_at_once(message) {
        inbox::remove(&tx, inbox::About::Message(id), UserId(0), now).await?;
    } else {
        let begin = expiry::ActiveModel { message_id: Set(id), removed_to: Set(UserId(0)) };
        expiry::Entity::insert(begin).exec_without_returning(&*tx).await?;
        tx.concerns([Topic::Jobs]);
    }
    let mut sql = tx.sql("delivery::settle_expiry");
    let (now, seq, id) = (sql.bind(now), sql.bind(seq), sql.bind(id));
    sql.push(format!("UPDATE message SET expired_at = {now}, seq = {seq} WHERE id = {id}"));
    sql.run(&*tx).await?;
    tx.concerns([Topic::Thread(message.root())]);
    tx.commit().await
}

/// Removes a large expired message from the inboxes of the next people, and notes how far it has
/// got. Returns whether there may be more.
async fn remove_next(app: &App, id: MessageId) -> Result<bool> {
    let tx = app.db.begin().await?;
    let mut sql = tx.sql("delivery::lock_expiry");
    let (message, for_update) = (sql.bind(id), sql.dialect().for_update());
    sql.push(format!("SELECT removed_to FROM expiry WHERE message_id = {message} {for_update}"));
    let Some(after) = sql.value(&*tx).await? else {
        // The transaction that deleted it may be in the same group of commits: it is done when that
        // is durable.
        tx.commit().await?;
        return Ok(false);
    };
    let last = inbox::remove(&tx, inbox::About::Message(id), after, app.clock.now()).await?;
    match last {
        Some(last) => {
            let mut sql = tx.sql("delivery::note_expiry");
            let (message, last) = (sql.bind(id), sql.bind(last));
            sql.push(format!("UPDATE expiry SET removed_to = {last} WHERE message_id = {message}"));
            sql.run(&*tx).await?;
        }
        None => {
            let mut sql = tx.sql("delivery::end_expiry");
            let message = sql.bind(id);
            sql.push(format!("DELETE FROM expiry WHERE message_id = {message}"));
            sql.run(&*tx).await?;
        }
    }
    tx.commit().await?;
    Ok(last.is_some())
}

/// Messages `m` that leave at their expiry, and not only once their last reminder has been sent and
/// the time to respond to it has ended.
fn may_leave(now: Param) -> String {
    format!(
        "m.expires_at IS NOT NULL AND m.expired_at IS NULL AND m.send_at IS NULL AND NOT EXISTS \
         (SELECT 1 FROM reminder AS r \
         WHERE r.message_id = m.id AND (r.next_at IS NOT NULL OR r.respond_by > {now} \
         OR (r.respond_by IS NOT NULL AND r.deactivates AND r.deactivated_at IS NULL)))"
    )
}

/// Messages `m` that are due to leave now.
fn is_due(sql: &mut Sql, now: DateTime<Utc>) -> String {
    let now = sql.bind(now);
    format!("m.expires_at <= {now} AND {}", may_leave(now))
}

/// When the next message leaves the inboxes.
pub async fn next_expiry(app: &App) -> Result<Option<DateTime<Utc>>> {
    let now = app.clock.now();
    let mut sql = app.db.sql("delivery::next_expiry");
    let may_leave = may_leave(sql.bind(now));
    sql.push(format!(
        "SELECT m.expires_at FROM message AS m WHERE {may_leave} ORDER BY m.expires_at LIMIT 1"
    ));
    let at_expiry: Option<DateTime<Utc>> = sql.value(app.db.read()).await?;
    let mut sql = app.db.sql("delivery::next_expiry_after_reminder");
    let now = sql.bind(now);
    sql.push(format!(
        "SELECT r.respond_by FROM reminder AS r WHERE r.respond_by > {now} AND r.closed_at IS NULL \
         ORDER BY r.respond_by LIMIT 1"
    ));
    let after_reminder = sql.value(app.db.read()).await?;
    Ok(at_expiry.into_iter().chain(after_reminder).min())
}

/// The messages that are leaving the inboxes, and those that are due to leave; at most `limit` of
/// each.
pub async fn expiring(app: &App, limit: u64) -> Result<Vec<MessageId>> {
    let mut sql = app.db.sql("delivery::leaving");
    sql.push(format!("SELECT message_id FROM expiry ORDER BY message_id LIMIT {limit}"));
    let mut expiring = sql.values(app.db.read()).await?;
    let mut sql = app.db.sql("delivery::expiring");
    let is_due = is_due(&mut sql, app.clock.now());
    sql.push(format!(
        "SELECT m.id FROM message AS m WHERE {is_due} ORDER BY m.expires_at LIMIT {limit}"
    ));
    expiring.extend(sql.values::<MessageId>(app.db.read()).await?);
    Ok(expiring)
}
