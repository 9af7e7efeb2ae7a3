//! Deleting messages for good, and what they say of somebody who is erased. Each function that
//! takes a `Tx` does a part of something larger (`erasure`).

use std::collections::BTreeMap;

use ::entity::{
    id::{AudienceId, MessageId, UserId},
    message, user,
};
use chrono::{DateTime, Utc};
use sea_orm::{EntityTrait, FromQueryResult};

use super::{delivery, reminders, threads};
use crate::{
    app::App,
    db::{Topic, Tx},
    error::{Error, Result},
    inbox::{self, BATCH, Change},
    search::{self, Searched},
};

/// Deletes messages that have no recipients, or none any more, and no replies except those that are
/// deleted with them. The caller holds the locks of their threads.
pub async fn delete(tx: &Tx, messages: &[MessageId], now: DateTime<Utc>) -> Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = messages.iter().map(|id| id.0).collect();
    search::forget(tx, Searched::Message, &ids, now).await?;
    inbox::forget_mutes(tx, messages, None).await?;
    for table in ["message_audience", "reminder", "delivery", "expiry"] {
        let mut sql = tx.sql("forget::parts");
        let these = sql.is_one_of("message_id", messages);
        sql.push(format!("DELETE FROM {table} WHERE {these}"));
        sql.run(&**tx).await?;
    }
    let mut sql = tx.sql("forget::threads");
    let these = sql.is_one_of("root_id", messages);
    sql.push(format!("DELETE FROM thread WHERE {these}"));
    sql.run(&**tx).await?;
    // In one statement: a reply refers to its parent.
    let mut sql = tx.sql("forget::messages");
    let these = sql.is_one_of("id", messages);
    sql.push(format!("DELETE FROM message WHERE {these}"));
    sql.run(&**tx).await.map(drop)
}

/// Detaches a person from what they have read, of the next messages after one, takes their name
/// from the addresses, and forgets which of these threads they have muted. The caller has locked
/// their inbox. Returns the last of these messages, if there may be more.
pub async fn detach(tx: &Tx, user: UserId, after: i64) -> Result<Option<i64>> {
    #[derive(FromQueryResult)]
    struct Received {
        message_id: MessageId,
        audience_id: AudienceId,
    }
    let mut sql = tx.sql("forget::last");
    sql.push("SELECT max(id) FROM message");
    let last: i64 = sql.value(&**tx).await?.unwrap_or(0);
    // Whether each of these is there does not matter.
    let until = last.min(after + BATCH);
    let messages: Vec<_> = (after + 1..=until).map(MessageId).collect();
    if messages.is_empty() {
        return Ok(None);
    }
    let mut sql = tx.sql("forget::received");
    let (these, person) = (sql.is_one_of("message_id", &messages), sql.bind(user));
    sql.push(format!(
        "SELECT message_id, audience_id FROM message_recipient \
         WHERE {these} AND user_id = {person}"
    ));
    let received: Vec<Received> = sql.all(&**tx).await?;
    if !received.is_empty() {
        // The same for all addresses of a message: a person counts once.
        let mut nobody: BTreeMap<MessageId, UserId> = BTreeMap::new();
        let rows = received.iter().map(|Received { message_id, audience_id }| {
            let nobody =
                nobody.entry(*message_id).or_insert_with(|| UserId::anonymous(rand::random()));
            [message_id.0, audience_id.0, nobody.0]
        });
        let rows: Vec<_> = rows.collect();
        let mut sql = tx.sql("forget::detach");
        let rows = sql.integer_table(["message", "audience", "nobody"], rows);
        let person = sql.bind(user);
        sql.push(format!(
            "UPDATE message_recipient SET user_id = d.nobody FROM {rows} AS d \
             WHERE message_recipient.message_id = d.message \
             AND message_recipient.user_id = {person} \
             AND message_recipient.audience_id = d.audience"
        ));
        sql.run(&**tx).await?;
    }
    let mut sql = tx.sql("forget::names");
    let (these, person) = (sql.is_one_of("message_id", &messages), sql.bind(user));
    let gone = sql.bind(user::GONE);
    sql.push(format!(
        "UPDATE message_audience SET name = {gone} WHERE {these} \
         AND coalesce(group_id, 0) = 0 AND coalesce(user_id, 0) = {person}"
    ));
    sql.run(&**tx).await?;
    inbox::forget_mutes(tx, &messages, Some(user)).await?;
    Ok((until < last).then_some(until))
}

/// Refreshes the next items about what a person has sent: after a message, and the items of the
/// next one up to a recipient. Returns how far it came, if there may be more.
pub async fn rename(
    tx: &Tx,
    sender: UserId,
    (message, recipient): (i64, i64),
    now: DateTime<Utc>,
) -> Result<Option<(i64, i64)>> {
    /// Messages that one transaction looks at.
    const MOST: i64 = 1_000;
    #[derive(FromQueryResult)]
    struct Sent {
        id: MessageId,
        recipient_count: i32,
    }
    let mut sql = tx.sql("forget::sent");
    let (sender, after) = (sql.bind(sender), sql.bind(message));
    sql.push(format!(
        "SELECT id, recipient_count FROM message WHERE sender_id = {sender} AND id > {after} \
         ORDER BY id LIMIT {MOST}"
    ));
    let sent: Vec<Sent> = sql.all(&**tx).await?;
    let mut room = BATCH;
    let fits = |sent: &&Sent| {
        let is_first = room == BATCH;
        room -= i64::from(sent.recipient_count).max(1);
        // What is under way ends first: the others begin with their first recipient.
        is_first || (recipient == 0 && room >= 0)
    };
    let part: Vec<_> = sent.iter().take_while(fits).map(|sent| sent.id).collect();
    let Some(last) = part.last() else { return Ok(None) };
    let mut sql = tx.sql("forget::items");
    let (these, after) = (sql.is_one_of("message_id", &part), sql.bind(recipient));
    let is_there = sql.dialect().checked("removed_at IS NULL");
    sql.push(format!(
        "SELECT id, user_id FROM inbox_item \
         WHERE {these} AND user_id > {after} AND {is_there} ORDER BY user_id, id LIMIT {BATCH}"
    ));
    let (items, owners) = inbox::items_and_owners(&sql, &**tx).await?;
    let is_last = part.len() == sent.len() && (sent.len() as i64) < MOST;
    let reached = match owners.last() {
        Some(owner) if part.len() == 1 && items.len() as i64 == BATCH => Some((message, owner.0)),
        _ => (!is_last).then_some((last.0, 0)),
    };
    if !items.is_empty() {
        inbox::lock(tx, &owners).await?;
        inbox::apply(tx, &items, Change::Refresh, now).await?;
    }
    Ok(reached)
}

/// The next message of a person after one that has a text, or is not gone from all inboxes.
pub async fn next_of(app: &App, sender: UserId, after: MessageId) -> Result<Option<MessageId>> {
    let mut sql = app.db.sql("forget::next_of");
    let (sender, after) = (sql.bind(sender), sql.bind(after));
    sql.push(format!(
        "SELECT m.id FROM message AS m WHERE m.sender_id = {sender} AND m.id > {after} \
         AND NOT ({GONE} AND NOT EXISTS (SELECT 1 FROM expiry AS e WHERE e.message_id = m.id)) \
         ORDER BY m.id LIMIT 1"
    ));
    sql.value(app.db.read()).await
}

/// The condition that a message `m` has nothing to say, and has begun to leave the inboxes.
const GONE: &str = "m.subject = '' AND m.body = '' AND m.url IS NULL AND m.data IS NULL \
    AND m.actions IS NULL AND m.expired_at IS NOT NULL";

/// Takes the text of a message away, with its link, data and actions, and the message out of the
/// inboxes of the next people, usually of all. Returns whether there may be more. What was counted
/// of it stays, and so does its place in the thread. Idempotent.
pub async fn take_back(app: &App, id: MessageId) -> Result<bool> {
    let found = message::Entity::find_by_id(id).one(app.db.read()).await?;
    let Some(message) = found else { return Ok(false) };
    let now = app.clock.now();
    let tx = app.db.begin().await?;
    let seq = match threads::change(&tx, message.root()).await {
        // Somebody else has just deleted it.
        Err(Error::NotFound(_)) => return Ok(false),
        seq => seq?,
    };
    let mut sql = tx.sql("forget::is_gone");
    let this = sql.bind(id);
    sql.push(format!("SELECT 1 FROM message AS m WHERE m.id = {this} AND {GONE}"));
    if sql.exists(&*tx).await? {
        // Only the inboxes are left.
        drop(tx);
        return delivery::expire_some(app, id).await;
    }
    reminders::lock(&tx, id).await?;
    let mut sql = tx.sql("forget::reminder");
    let this = sql.bind(id);
    sql.push(format!("DELETE FROM reminder WHERE message_id = {this}"));
    sql.run(&*tx).await?;
    let mut sql = tx.sql("forget::text");
    let (this, at, seq) = (sql.bind(id), sql.bind(now), sql.bind(seq));
    sql.push(format!(
        "UPDATE message SET subject = '', body = '', url = NULL, data = NULL, actions = NULL, \
         seq = {seq}, expires_at = CASE WHEN expired_at IS NULL THEN {at} ELSE expires_at END \
         WHERE id = {this}"
    ));
    sql.run(&*tx).await?;
    search::change(&tx, Searched::Message, [(id.0, String::new())], now).await?;
    tx.concerns([Topic::Thread(message.root())]);
    tx.commit().await?;
    delivery::expire_some(app, id).await
}
