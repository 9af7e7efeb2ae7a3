//! How messages come into inboxes and leave them, for any number of recipients.
//!
//! A send to more than [`inbox::BATCH`] people fills the inboxes in further transactions of that
//! many, in the order of the users, so that no lock is held for long. A `delivery` row says how far
//! it got. Each transaction locks that row first, and the last one deletes it; after a crash any
//! server finds the row and goes on (`jobs`). The call that sends the message waits for all of
//! them. If one fails, the message is sent all the same, and the rest is left to the job.
//!
//! An expiry takes as many steps. The first one settles it (`expired_at`), so that it cannot be put
//! off any more: what has begun to leave the inboxes leaves all of them, and recipients whom a
//! large send has not reached by then never get it. An `expiry` row says how far the rest got. A
//! message with a reminder leaves only when the time to respond to the last one has passed and the
//! campaign, if it is one, has deactivated everybody it is to deactivate.
//!
//! On SQLite the transaction that has deleted such a row may be in the same group of commits as the
//! one that finds it gone. So whoever finds nothing to do still commits: only then is it durable
//! that all was done.

use ::entity::{delivery, expiry, message};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};

use crate::{
    app::App,
    db::{Topic, Tx},
    error::Result,
    inbox::{self, Recipients},
    messages::threads,
};

/// Fills the inboxes of a new message, or notes that they are to be filled: [`finish`] does the rest.
pub async fn start(tx: &Tx, message: &message::Model) -> Result<()> {
    if is_at_once(message) {
        let to = if message.recipient_count == 1 { Recipients::One } else { Recipients::All };
        return inbox::deliver(tx, message.id, to, message.created_at).await;
    }
    let start = delivery::ActiveModel { message_id: Set(message.id), delivered_to: Set(0) };
    delivery::Entity::insert(start).exec_without_returning(&**tx).await?;
    Ok(())
}

fn is_at_once(message: &message::Model) -> bool {
    i64::from(message.recipient_count) <= inbox::BATCH
}

/// Commits a new message, and fills the inboxes that are not filled yet.
pub async fn finish(app: &App, tx: Tx, message: &message::Model) -> Result<()> {
    if message.root_id.is_some() {
        tx.concerns([Topic::Thread(message.root())]);
    }
    if message.expires_at.is_some() {
        tx.concerns([Topic::Schedule]);
    }
    tx.commit().await?;
    if !is_at_once(message)
        && let Err(error) = deliver_rest(&app.in_background(), message.id).await
    {
        // It is sent; what is missing follows.
        tracing::warn!(?error, "a large send will continue later");
        app.live.hint(Topic::Schedule);
    }
    Ok(())
}

/// Fills the inboxes that a large send has not reached yet, batch by batch. Several may do it at once.
async fn deliver_rest(app: &App, id: i64) -> Result<()> {
    while deliver_some(app, id).await? {}
    Ok(())
}

/// The large sends that are under way, at most `limit` of them.
pub async fn under_way(app: &App, limit: u64) -> Result<Vec<i64>> {
    app.db
        .integers(&format!("SELECT message_id FROM delivery ORDER BY message_id LIMIT {limit}"), [])
        .await
}

/// Fills the inboxes of the next people whom a large send has not reached yet. Gives whether there may be more.
pub async fn deliver_some(app: &App, id: i64) -> Result<bool> {
    let tx = app.db.begin().await?;
    let lock = format!(
        "SELECT delivered_to, (SELECT created_at FROM message WHERE id = message_id) \
         FROM delivery WHERE message_id = $1 {}",
        tx.dialect().for_update()
    );
    let Some(state) = tx.rows(&lock, [id.into()]).await?.pop() else {
        // What has deleted it may be of the same group of commits: it is done when that is durable.
        tx.commit().await?;
        return Ok(false);
    };
    let (after, sent_at) = (state.try_get_by_index(0)?, state.try_get_by_index(1)?);
    let next = format!(
        "SELECT max(user_id) FROM (SELECT DISTINCT user_id FROM message_recipient \
         WHERE message_id = $1 AND user_id > $2 ORDER BY user_id LIMIT {}) AS next",
        inbox::BATCH
    );
    let next = tx.rows(&next, [id.into(), i64::into(after)]).await?;
    let next =
        next.first().map(|row| row.try_get_by_index::<Option<i64>>(0)).transpose()?.flatten();
    match next {
        Some(up_to) => {
            inbox::deliver(&tx, id, Recipients::Between(after, up_to), sent_at).await?;
            tx.run(
                "UPDATE delivery SET delivered_to = $2 WHERE message_id = $1",
                [id.into(), up_to.into()],
            )
            .await?;
        }
        None => {
            tx.run("DELETE FROM delivery WHERE message_id = $1", [id.into()]).await?;
            // Now it may remind.
            tx.concerns([Topic::Schedule]);
        }
    }
    tx.commit().await?;
    Ok(next.is_some())
}

/// Takes a message whose time has come out of all inboxes. Idempotent.
pub async fn expire(app: &App, id: i64) -> Result<()> {
    while expire_some(app, id).await? {}
    Ok(())
}

/// Takes a message whose time has come out of the inboxes of the next people, who mostly are all. Gives whether there may be
/// more. Several may do it at once.
pub async fn expire_some(app: &App, id: i64) -> Result<bool> {
    let Some(message) = message::Entity::find_by_id(id).one(app.db.read()).await? else {
        return Ok(false);
    };
    if message.expired_at.is_none() {
        settle_expiry(app, &message).await?;
    }
    if is_at_once(&message) { Ok(false) } else { remove_next(app, id).await }
}

/// From here on the expiry of a message cannot be put off: what has begun to leave the inboxes leaves all of them. A message
/// to few people leaves them in this transaction.
async fn settle_expiry(app: &App, message: &message::Model) -> Result<()> {
    let (id, now) = (message.id, app.clock.now());
    let tx = app.db.begin().await?;
    let seq = threads::change(&tx, message.root()).await?;
    // Waits for a date that is under way, after which another may be to come.
    let lock =
        format!("SELECT 1 FROM reminder WHERE message_id = $1 {}", tx.dialect().for_update());
    tx.rows(&lock, [id.into()]).await?;
    // Since it was found to be due, its sender may have given it more time, or somebody else may have been faster: in the same
    // group of commits perhaps, and it is settled when that is durable.
    let may = format!(
        "SELECT 1 FROM message AS m WHERE m.id = $2 AND m.expires_at <= $1 AND {MAY_LEAVE}"
    );
    if tx.rows(&may, [now.into(), id.into()]).await?.is_empty() {
        return tx.commit().await;
    }
    tx.run(
        "UPDATE reminder SET next_at = NULL, closed_at = $2 WHERE message_id = $1",
        [id.into(), now.into()],
    )
    .await?;
    // Waits for a part of a large send that is under way. Whom it has not reached by now it never will.
    tx.run("DELETE FROM delivery WHERE message_id = $1", [id.into()]).await?;
    if is_at_once(message) {
        inbox::remove(&tx, inbox::About::Message(id), 0, now).await?;
    } else {
        let begin = expiry::ActiveModel { message_id: Set(id), removed_to: Set(0) };
        expiry::Entity::insert(begin).exec_without_returning(&*tx).await?;
        tx.concerns([Topic::Schedule]);
    }
    tx.run(
        "UPDATE message SET expired_at = $1, seq = $2 WHERE id = $3",
        [now.into(), seq.into(), id.into()],
    )
    .await?;
    tx.concerns([Topic::Thread(message.root())]);
    tx.commit().await
}

/// Takes a large message that has expired out of the inboxes of the next people, and notes how far it came. Gives whether
/// there may be more.
async fn remove_next(app: &App, id: i64) -> Result<bool> {
    let tx = app.db.begin().await?;
    let lock = format!(
        "SELECT removed_to FROM expiry WHERE message_id = $1 {}",
        tx.dialect().for_update()
    );
    let Some(state) = tx.rows(&lock, [id.into()]).await?.pop() else {
        // What has deleted it may be of the same group of commits: it is done when that is durable.
        tx.commit().await?;
        return Ok(false);
    };
    let after = state.try_get_by_index(0)?;
    let last = inbox::remove(&tx, inbox::About::Message(id), after, app.clock.now()).await?;
    match last {
        Some(last) => {
            let note = "UPDATE expiry SET removed_to = $2 WHERE message_id = $1";
            tx.run(note, [id.into(), last.into()]).await?;
        }
        None => drop(tx.run("DELETE FROM expiry WHERE message_id = $1", [id.into()]).await?),
    }
    tx.commit().await?;
    Ok(last.is_some())
}

/// Messages `m` that leave at their expiry, and not only when their last reminder has been sent and the time to respond to it
/// is over.
const MAY_LEAVE: &str = "m.expires_at IS NOT NULL AND m.expired_at IS NULL AND NOT EXISTS (SELECT 1 FROM reminder AS r \
    WHERE r.message_id = m.id AND (r.next_at IS NOT NULL OR r.respond_by > $1 \
    OR (r.respond_by IS NOT NULL AND r.deactivates AND r.deactivated_at IS NULL)))";

/// When the next message leaves the inboxes.
pub async fn next_expiry(app: &App) -> Result<Option<DateTime<Utc>>> {
    let at_expiry = format!(
        "SELECT m.expires_at FROM message AS m WHERE {MAY_LEAVE} ORDER BY m.expires_at LIMIT 1"
    );
    let after_reminder = "SELECT r.respond_by FROM reminder AS r WHERE r.respond_by > $1 AND r.closed_at IS NULL \
                          ORDER BY r.respond_by LIMIT 1";
    let mut next = None;
    for sql in [at_expiry.as_str(), after_reminder] {
        let row =
            app.db.read().query_one_raw(app.db.statement(sql, [app.clock.now().into()])).await?;
        let at: Option<DateTime<Utc>> = row.map(|row| row.try_get_by_index(0)).transpose()?;
        next = next.into_iter().chain(at).min();
    }
    Ok(next)
}

/// The messages that are leaving the inboxes, and those whose time has come; at most `limit` of each.
pub async fn expiring(app: &App, limit: u64) -> Result<Vec<i64>> {
    let leaving = format!("SELECT message_id FROM expiry ORDER BY message_id LIMIT {limit}");
    let due = format!(
        "SELECT m.id FROM message AS m WHERE m.expires_at <= $1 AND {MAY_LEAVE} ORDER BY m.expires_at LIMIT {limit}"
    );
    let mut expiring = app.db.integers(&leaving, []).await?;
    expiring.extend(app.db.integers(&due, [app.clock.now().into()]).await?);
    Ok(expiring)
}
