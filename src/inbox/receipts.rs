//! Read receipts: who has seen and read a message or announcement, and how many, by address and in
//! total (M8, M9).
//!
//! A receipt is a fact for the sender: it is written once, when a person first sees or reads
//! something, and marking it as unread does not undo it. The counts are kept on the message (each
//! person counted once), on each of its addresses and on the announcement, so that showing a read
//! rate costs nothing.

use std::collections::{BTreeMap, BTreeSet};

use ::entity::id::{AnnouncementId, ItemId, MessageId, UserId};
use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use super::kind::{ItemKind, NotedBy, Receipts};
use crate::{
    db::{Topic, Tx},
    error::Result,
};

/// What an item is about, and has not been recorded as seen, or as read, by its owner.
#[derive(FromQueryResult)]
struct Unrecorded {
    owner: UserId,
    subject: i64,
    /// The address that reached them; 0: an announcement has none.
    audience: i64,
    /// 1 if it has not even been recorded as seen.
    unseen: i32,
}

/// How many new readers something has, and how many of them had not even seen it.
#[derive(Clone, Copy, Default)]
struct News {
    readers: i64,
    unseen: i64,
}

/// The new readers of messages, of addresses, or of announcements, by their ids.
type Readers = BTreeMap<i64, News>;

/// Records what some items are about as seen, or as read, by their owners. The caller holds the
/// locks of the inboxes.
pub async fn record(tx: &Tx, items: &[ItemId], read: bool, now: DateTime<Utc>) -> Result<()> {
    let mut sql = tx.sql("receipts::unrecorded");
    let new = if read { "read_at" } else { "seen_at" };
    let (these, dialect) = (sql.is_one_of("i.id", items), sql.dialect());
    let unrecorded = |kind: &ItemKind| {
        let Receipts { join, noted_by } = kind.receipts.as_ref()?;
        let column = kind.column;
        let (columns, which) = match noted_by {
            NotedBy::Recipient => {
                (format!("r.{column} AS subject, r.audience_id AS audience"), these.clone())
            }
            NotedBy::Reader => (
                format!("i.{column} AS subject, 0 AS audience"),
                format!("{these} AND {}", dialect.checked(&format!("i.{column} IS NOT NULL"))),
            ),
        };
        Some(format!(
            "SELECT i.user_id AS owner, {columns}, \
             CASE WHEN r.seen_at IS NULL THEN 1 ELSE 0 END AS unseen \
             FROM inbox_item AS i {join} WHERE {which} AND r.{new} IS NULL"
        ))
    };
    let selects: Vec<_> = ItemKind::all().filter_map(unrecorded).collect();
    sql.push(selects.join(" UNION ALL "));
    let found: Vec<Unrecorded> = sql.all(&**tx).await?;
    let (announced, sent): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|unrecorded| unrecorded.audience == 0);
    if !sent.is_empty() {
        record_messages(tx, &sent, read, now).await?;
    }
    if !announced.is_empty() {
        record_announcements(tx, &announced, read, now).await?;
    }
    Ok(())
}

/// Adds up readers, each once for each thing, with 1 for those that have not even seen it.
fn readers(of: impl Iterator<Item = (i64, UserId, i32)>) -> Readers {
    let each: BTreeMap<(i64, UserId), i32> =
        of.map(|(id, owner, unseen)| ((id, owner), unseen)).collect();
    let mut readers = Readers::new();
    for ((id, _), unseen) in each {
        let news = readers.entry(id).or_default();
        news.readers += 1;
        news.unseen += i64::from(unseen);
    }
    readers
}

async fn record_messages(
    tx: &Tx,
    sent: &[Unrecorded],
    read: bool,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut sql = tx.sql("receipts::mark_recipients");
    let time = sql.bind(now);
    // As rows: with one list of messages and one of addresses, each message would be looked up with
    // every address. In this order, the rows are locked: replies lock some of them, too.
    let rows: BTreeSet<_> =
        sent.iter().map(|one| [one.subject, one.owner.0, one.audience]).collect();
    let these = sql.integer_table(["message", "user_id", "id"], rows);
    let also = if read { format!("read_at = {time}, ") } else { String::new() };
    sql.push(format!(
        "UPDATE message_recipient \
         SET {also}seen_at = coalesce(message_recipient.seen_at, {time}) FROM {these} AS d \
         WHERE message_recipient.message_id = d.message \
         AND message_recipient.user_id = d.user_id AND message_recipient.audience_id = d.id"
    ));
    sql.run(&**tx).await?;
    // A person reached by several addresses counts once for the message.
    let messages = readers(sent.iter().map(|one| (one.subject, one.owner, one.unseen)));
    lock(tx, "message", &messages).await?;
    tx.concerns(messages.keys().map(|id| Topic::Reading(MessageId(*id))));
    count(tx, "message", &messages, read, now).await?;
    let audiences = readers(sent.iter().map(|one| (one.audience, one.owner, one.unseen)));
    count(tx, "message_audience", &audiences, read, now).await
}

async fn record_announcements(
    tx: &Tx,
    announced: &[Unrecorded],
    read: bool,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut sql = tx.sql("receipts::mark_readers");
    let rows = announced.iter().map(|one| [one.subject, one.owner.0]);
    let these = sql.integer_table(["id", "user_id"], rows);
    let time = sql.bind(now);
    let (read_at, then) = match read {
        true => (time.to_string(), format!("UPDATE SET read_at = {time}")),
        false => ("NULL".into(), "NOTHING".into()),
    };
    sql.push(format!(
        "INSERT INTO announcement_reading (announcement_id, user_id, seen_at, read_at) \
         SELECT d.id, d.user_id, {time}, {read_at} FROM {these} AS d WHERE true \
         ON CONFLICT (announcement_id, user_id) DO {then}"
    ));
    sql.run(&**tx).await?;
    let announcements = readers(announced.iter().map(|one| (one.subject, one.owner, one.unseen)));
    lock(tx, "announcement", &announcements).await?;
    let concerned = announcements.keys().map(|id| Topic::AnnouncementReading(AnnouncementId(*id)));
    tx.concerns(concerned);
    count(tx, "announcement", &announcements, read, now).await
}

/// Locks the rows whose counts change, in the order of their ids.
async fn lock(tx: &Tx, table: &str, rows: &Readers) -> Result<()> {
    // Changing one row locks it.
    if rows.len() == 1 || !tx.dialect().locks_rows() {
        return Ok(());
    }
    let mut sql = tx.sql("receipts::lock");
    let ids: Vec<_> = rows.keys().collect();
    let (these, for_update) = (sql.is_one_of("id", &ids), sql.dialect().for_update());
    sql.push(format!("SELECT id FROM {table} WHERE {these} ORDER BY id {for_update}"));
    sql.rows(&**tx).await?;
    Ok(())
}

/// Counts the new readers of these rows.
async fn count(tx: &Tx, table: &str, rows: &Readers, read: bool, now: DateTime<Utc>) -> Result<()> {
    let mut sql = tx.sql("receipts::count");
    let rows = rows.iter().map(|(id, news)| [*id, news.unseen, news.readers]);
    let these = sql.integer_table(["id", "unseen", "readers"], rows);
    let mut sets = format!("seen_count = CAST({table}.seen_count + d.unseen AS integer)");
    if read {
        let time = sql.bind(now);
        sets += &format!(
            ", read_count = CAST({table}.read_count + d.readers AS integer), \
             first_read_at = coalesce(first_read_at, {time}), last_read_at = {time}"
        );
    }
    sql.push(format!("UPDATE {table} SET {sets} FROM {these} AS d WHERE {table}.id = d.id"));
    sql.run(&**tx).await?;
    Ok(())
}
