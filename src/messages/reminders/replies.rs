//! Replies end reminders, for those who reply, and are counted.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ::entity::id::{MessageId, UserId};
use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use crate::{db::Tx, error::Result};

/// Locks the reminders that a reply to `parent` in the thread of `root` ends for the person who
/// replies: the reply comes before a reminder or after it, but not in the middle. Call it before
/// the inboxes are locked; [`note_replies`] comes after them.
pub async fn lock_for_reply(tx: &Tx, parent: MessageId, root: MessageId) -> Result<()> {
    let mut sql = tx.sql("replies::lock");
    let (parent, root, for_update) = (sql.bind(parent), sql.bind(root), sql.dialect().for_update());
    sql.push(format!(
        "SELECT message_id FROM reminder WHERE message_id IN ({parent}, {root}) \
         ORDER BY message_id {for_update}"
    ));
    sql.rows(&**tx).await?;
    Ok(())
}

/// As [`lock_for_reply`], for many replies, which together end the reminders of these messages, but
/// waits for nobody. Returns the messages whose reminders somebody else has locked.
pub async fn lock_free_for_replies(tx: &Tx, messages: &[MessageId]) -> Result<HashSet<MessageId>> {
    if !tx.dialect().locks_rows() {
        return Ok(HashSet::new());
    }
    let mut sql = tx.sql("replies::lock_free");
    let these = sql.is_one_of("r.message_id", messages);
    let unlocked = sql.dialect().for_update_of_unlocked("r");
    sql.push(format!(
        "WITH free AS MATERIALIZED \
         (SELECT r.message_id FROM reminder AS r WHERE {these} {unlocked}) \
         SELECT r.message_id FROM reminder AS r \
         WHERE {these} AND r.message_id NOT IN (SELECT message_id FROM free)"
    ));
    Ok(sql.values(&**tx).await?.into_iter().collect())
}

/// Notes that people have answered messages: a reply counts for the message that it answers and for
/// the one that began the thread, and each person once. Call it after the inboxes are locked, as when
/// a reading is noted.
pub async fn note_replies(
    tx: &Tx,
    answers: BTreeSet<(MessageId, UserId)>,
    now: DateTime<Utc>,
) -> Result<()> {
    if answers.is_empty() {
        return Ok(());
    }
    let mut sql = tx.sql("replies::note");
    let now = sql.bind(now);
    // In this order, the rows are locked.
    let rows = answers.iter().map(|(message, replier)| [message.0, replier.0]);
    let answers = sql.integer_table(["message_id", "user_id"], rows);
    sql.push(format!(
        "UPDATE message_recipient SET replied_at = {now} FROM {answers} AS a \
         WHERE message_recipient.message_id = a.message_id \
         AND message_recipient.user_id = a.user_id AND message_recipient.replied_at IS NULL \
         RETURNING message_recipient.message_id, message_recipient.user_id"
    ));
    let answered: Vec<Answered> = sql.all(&**tx).await?;
    // A person has a row for each address by which the message reached them.
    let answered: BTreeSet<_> = answered.iter().map(|row| (row.message_id, row.user_id)).collect();
    let mut repliers: BTreeMap<MessageId, i64> = BTreeMap::new();
    for (message, _) in answered {
        *repliers.entry(message).or_default() += 1;
    }
    count(tx, repliers).await
}

/// A recipient who has not answered before.
#[derive(FromQueryResult)]
struct Answered {
    message_id: MessageId,
    user_id: UserId,
}

/// Counts those who are the first time among the repliers of messages.
async fn count(tx: &Tx, repliers: BTreeMap<MessageId, i64>) -> Result<()> {
    if repliers.is_empty() {
        return Ok(());
    }
    // Changing one row locks it.
    if repliers.len() > 1 && tx.dialect().locks_rows() {
        let mut sql = tx.sql("replies::lock_messages");
        let ids: Vec<_> = repliers.keys().collect();
        let (these, for_update) = (sql.is_one_of("id", &ids), sql.dialect().for_update());
        sql.push(format!("SELECT id FROM message WHERE {these} ORDER BY id {for_update}"));
        sql.rows(&**tx).await?;
    }
    let mut sql = tx.sql("replies::count");
    let rows = repliers.into_iter().map(|(message, people)| [message.0, people]);
    let repliers = sql.integer_table(["id", "people"], rows);
    sql.push(format!(
        "UPDATE message SET replied_count = CAST(message.replied_count + r.people AS integer) \
         FROM {repliers} AS r WHERE message.id = r.id"
    ));
    sql.run(&**tx).await.map(drop)
}
