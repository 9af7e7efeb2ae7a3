//! Read receipts: who has seen and read a message or announcement, and how many, by address and in
//! total (M8, M9).
//!
//! A receipt is a fact for the sender: it is written once, when a person first sees or reads
//! something, and marking it as unread does not undo it. The counts are kept on the message (each
//! person counted once), on each of its addresses and on the announcement, so that showing a read
//! rate costs nothing.

use ::entity::id::{ItemId, MessageId, UserId};
use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use super::kind::{ItemKind, NotedBy, Receipts};
use crate::{
    db::{Topic, Tx},
    error::Result,
};

/// What an item of a person is about, and has not been recorded as seen, or as read.
#[derive(FromQueryResult)]
struct Unrecorded {
    subject: i64,
    /// The address that reached them; 0: an announcement has none.
    audience: i64,
    /// 1 if it has not even been recorded as seen.
    unseen: i32,
}

/// Records what some items of a person are about as seen, or as read. The caller holds the lock of
/// the inbox.
pub async fn record(
    tx: &Tx,
    owner: UserId,
    items: &[ItemId],
    read: bool,
    now: DateTime<Utc>,
) -> Result<()> {
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
            "SELECT {columns}, CASE WHEN r.seen_at IS NULL THEN 1 ELSE 0 END AS unseen \
             FROM inbox_item AS i {join} WHERE {which} AND r.{new} IS NULL"
        ))
    };
    let selects: Vec<_> = ItemKind::all().filter_map(unrecorded).collect();
    sql.push(selects.join(" UNION ALL "));
    let (mut messages, mut audiences, mut announcements) = (Vec::new(), Vec::new(), Vec::new());
    for Unrecorded { subject, audience, unseen } in sql.all(&**tx).await? {
        let seen = i64::from(unseen);
        if audience == 0 {
            announcements.push([subject, seen]);
        } else {
            messages.push([subject, seen]);
            audiences.push([audience, seen, subject]);
        }
    }
    if !messages.is_empty() {
        record_messages(tx, owner, read, now, messages, audiences).await?;
    }
    if !announcements.is_empty() {
        record_announcements(tx, owner, read, now, announcements).await?;
    }
    Ok(())
}

async fn record_messages(
    tx: &Tx,
    owner: UserId,
    read: bool,
    now: DateTime<Utc>,
    mut messages: Vec<[i64; 2]>,
    audiences: Vec<[i64; 3]>,
) -> Result<()> {
    // A person reached by several addresses counts once for the message.
    messages.sort_unstable();
    messages.dedup();
    let mut sql = tx.sql("receipts::mark_recipients");
    let (time, owner) = (sql.bind(now), sql.bind(owner));
    // As pairs: with one list of messages and one of addresses, each message would be looked up
    // with every address.
    let these = sql.integer_table(["id", "seen", "message"], audiences.iter().copied());
    let also = if read { format!("read_at = {time}, ") } else { String::new() };
    sql.push(format!(
        "UPDATE message_recipient \
         SET {also}seen_at = coalesce(message_recipient.seen_at, {time}) FROM {these} AS d \
         WHERE message_recipient.message_id = d.message AND message_recipient.user_id = {owner} \
         AND message_recipient.audience_id = d.id"
    ));
    sql.run(&**tx).await?;
    lock(tx, "message", &messages).await?;
    tx.concerns(messages.iter().map(|[id, _]| Topic::Reading(MessageId(*id))));
    count(tx, "message", messages, read, now).await?;
    let audiences = audiences.into_iter().map(|[id, seen, _]| [id, seen]).collect();
    count(tx, "message_audience", audiences, read, now).await
}

async fn record_announcements(
    tx: &Tx,
    owner: UserId,
    read: bool,
    now: DateTime<Utc>,
    announcements: Vec<[i64; 2]>,
) -> Result<()> {
    let mut sql = tx.sql("receipts::mark_readers");
    let these = sql.integer_table(["id", "seen"], announcements.iter().copied());
    let (time, owner) = (sql.bind(now), sql.bind(owner));
    let (read_at, then) = match read {
        true => (time.to_string(), format!("UPDATE SET read_at = {time}")),
        false => ("NULL".into(), "NOTHING".into()),
    };
    sql.push(format!(
        "INSERT INTO announcement_reading (announcement_id, user_id, seen_at, read_at) \
         SELECT d.id, {owner}, {time}, {read_at} FROM {these} AS d WHERE true \
         ON CONFLICT (announcement_id, user_id) DO {then}"
    ));
    sql.run(&**tx).await?;
    lock(tx, "announcement", &announcements).await?;
    count(tx, "announcement", announcements, read, now).await
}

/// Locks the rows whose counts change, in the order of their ids.
async fn lock(tx: &Tx, table: &str, rows: &[[i64; 2]]) -> Result<()> {
    // Changing one row locks it.
    if rows.len() == 1 || !tx.dialect().locks_rows() {
        return Ok(());
    }
    let mut sql = tx.sql("receipts::lock");
    let ids: Vec<_> = rows.iter().map(|[id, _]| *id).collect();
    let (these, for_update) = (sql.is_one_of("id", &ids), sql.dialect().for_update());
    sql.push(format!("SELECT id FROM {table} WHERE {these} ORDER BY id {for_update}"));
    sql.rows(&**tx).await?;
    Ok(())
}

/// Counts one more reader for each of these rows; the second number says whether the person had not
/// even seen it.
async fn count(
    tx: &Tx,
    table: &str,
    rows: Vec<[i64; 2]>,
    read: bool,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut sql = tx.sql("receipts::count");
    let these = sql.integer_table(["id", "seen"], rows);
    let mut sets = format!("seen_count = CAST({table}.seen_count + d.seen AS integer)");
    if read {
        let time = sql.bind(now);
        sets += &format!(
            ", read_count = {table}.read_count + 1, \
             first_read_at = coalesce(first_read_at, {time}), last_read_at = {time}"
        );
    }
    sql.push(format!("UPDATE {table} SET {sets} FROM {these} AS d WHERE {table}.id = d.id"));
    sql.run(&**tx).await?;
    Ok(())
}
