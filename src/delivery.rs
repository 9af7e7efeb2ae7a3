//! How messages come into inboxes and leave them, for any number of recipients.
//!
//! A send to more than [`inbox::BATCH`] people fills the inboxes in further transactions, so that no lock is held for long;
//! a `delivery` row says how far it got, and `due` goes on with it after a crash. Expiry takes as many steps.

use ::entity::{delivery, message};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait, QuerySelect};

use crate::{
    app::App,
    db::{Topic, Tx},
    error::Result,
    inbox, threads,
};

/// Fills the inboxes of a new message, or notes that they are to be filled: [`finish`] does the rest.
pub async fn start(tx: &Tx, message: &message::Model) -> Result<()> {
    if is_at_once(message) {
        return inbox::deliver(tx, message.id, 0, i64::MAX, message.created_at).await;
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
        tracing::warn!(?error, "a large send goes on later");
        app.live.hint(Topic::Schedule);
    }
    Ok(())
}

/// Fills the inboxes that a large send has not reached yet, batch by batch. Several may do it at once.
async fn deliver_rest(app: &App, id: i64) -> Result<()> {
    loop {
        let tx = app.db.begin().await?;
        let lock = format!(
            "SELECT delivered_to, (SELECT created_at FROM message WHERE id = message_id) \
             FROM delivery WHERE message_id = $1 {}",
            tx.dialect().for_update()
        );
        let Some(state) = tx.rows(&lock, [id.into()]).await?.pop() else {
            // What has deleted it may be of the same group of commits: it is done when that is durable.
            return tx.commit().await;
        };
        let (after, sent_at) = (state.try_get_by_index(0)?, state.try_get_by_index(1)?);
        let next = format!(
            "SELECT max(user_id) FROM (SELECT DISTINCT user_id FROM message_recipient \
             WHERE message_id = $1 AND user_id > $2 ORDER BY user_id LIMIT {}) AS next",
            inbox::BATCH
        );
        let next = tx.rows(&next, [id.into(), i64::into(after)]).await?;
        match next.first().map(|row| row.try_get_by_index::<Option<i64>>(0)).transpose()?.flatten() {
            Some(up_to) => {
                inbox::deliver(&tx, id, after, up_to, sent_at).await?;
                tx.run("UPDATE delivery SET delivered_to = $2 WHERE message_id = $1", [id.into(), up_to.into()])
                    .await?;
            }
            None => {
                tx.run("DELETE FROM delivery WHERE message_id = $1", [id.into()]).await?;
                // Now it may remind.
                tx.concerns([Topic::Schedule]);
            }
        }
        tx.commit().await?;
    }
}

/// Takes what is about something out of all inboxes, in batches. It can be repeated.
pub async fn remove(app: &App, about: inbox::About) -> Result<()> {
    let mut after = Some(0);
    while let Some(user) = after {
        after = remove_some(app, about, user).await?;
    }
    Ok(())
}

/// The same in the inboxes of the next people after a user. Gives the last of them; None when it was nobody.
pub async fn remove_some(app: &App, about: inbox::About, after: i64) -> Result<Option<i64>> {
    let tx = app.db.begin().await?;
    let last = inbox::remove(&tx, about, after, app.clock.now()).await?;
    tx.commit().await?;
    Ok(last)
}

/// Takes a message whose time has come out of all inboxes. It can be repeated.
pub async fn expire(app: &App, id: i64) -> Result<()> {
    deliver_rest(app, id).await?;
    let now = app.clock.now();
    // Since it was found to be due, its sender may have given it more time.
    let may = format!("SELECT 1 FROM message AS m WHERE m.id = $2 AND m.expires_at <= $1 AND {MAY_LEAVE}");
    if app.db.read().query_one_raw(app.db.statement(may, [now.into(), id.into()])).await?.is_none() {
        return Ok(());
    }
    remove(app, inbox::About::Message(id)).await?;
    let Some(message) = message::Entity::find_by_id(id).one(app.db.read()).await? else { return Ok(()) };
    let tx = app.db.begin().await?;
    let seq = threads::change(&tx, message.root()).await?;
    let settle =
        "UPDATE message SET expired_at = $1, seq = $2 WHERE id = $3 AND expired_at IS NULL AND expires_at <= $1";
    tx.run("UPDATE reminder SET next_at = NULL, closed_at = $2 WHERE message_id = $1", [id.into(), now.into()]).await?;
    if tx.run(settle, [now.into(), seq.into(), id.into()]).await? > 0 {
        tx.concerns([Topic::Thread(message.root())]);
        tx.commit().await?;
    }
    Ok(())
}

/// Messages `m` that leave at their expiry, and not only when their last reminder has been sent and the time to respond to it
/// is over.
const MAY_LEAVE: &str = "m.expires_at IS NOT NULL AND m.expired_at IS NULL AND NOT EXISTS (SELECT 1 FROM reminder AS r \
    WHERE r.message_id = m.id AND (r.next_at IS NOT NULL OR r.respond_by > $1 \
    OR (r.respond_by IS NOT NULL AND r.deactivates AND r.deactivated_at IS NULL)))";

/// When the next message leaves the inboxes, of those that do so at their expiry.
pub async fn next_expiry(app: &App) -> Result<Option<DateTime<Utc>>> {
    let next = format!("SELECT m.expires_at FROM message AS m WHERE {MAY_LEAVE} ORDER BY m.expires_at LIMIT 1");
    let next = app.db.read().query_one_raw(app.db.statement(next, [app.clock.now().into()])).await?;
    Ok(next.map(|row| row.try_get_by_index(0)).transpose()?)
}

/// Takes the messages whose time has come out of the inboxes.
pub async fn expire_due(app: &App) -> Result<()> {
    let due = format!("SELECT m.id FROM message AS m WHERE m.expires_at <= $1 AND {MAY_LEAVE} ORDER BY m.expires_at");
    for row in app.db.read().query_all_raw(app.db.statement(due, [app.clock.now().into()])).await? {
        expire(app, row.try_get_by_index(0)?).await?;
    }
    Ok(())
}

/// Goes on with the sends that a crash interrupted.
pub async fn deliver_interrupted(app: &App) -> Result<()> {
    let interrupted = delivery::Entity::find().select_only().column(delivery::Column::MessageId);
    for id in interrupted.into_tuple::<i64>().all(app.db.read()).await? {
        deliver_rest(app, id).await?;
    }
    Ok(())
}
