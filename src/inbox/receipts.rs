//! Read receipts: who has seen and read a message or announcement, and how many, by address and in
//! total (M8, M9).
//!
//! A receipt is a fact for the sender: it is written once, when a person first sees or reads
//! something, and marking it as unread does not undo it. The counts are kept on the message (each
//! person counted once), on each of its addresses and on the announcement, so that showing a read
//! rate costs nothing.

use ::entity::id::{MessageId, UserId};
use chrono::{DateTime, Utc};
use sea_orm::Value;

use super::kind::{ItemKind, NotedBy, Receipts};
use crate::{
    db::{Topic, Tx, integers, list},
    error::Result,
};

/// Records what some items, a [`list`], of a person are about as seen, or as read. The caller holds
/// the lock of the inbox.
pub async fn record(
    tx: &Tx,
    owner: UserId,
    items: Value,
    read: bool,
    now: DateTime<Utc>,
) -> Result<()> {
    let dialect = tx.dialect();
    let new = if read { "read_at" } else { "seen_at" };
    let these = dialect.is_one_of("i.id", "$1");
    let fresh = |kind: &ItemKind| {
        let Receipts { join, noted_by } = kind.receipts.as_ref()?;
        let column = kind.column;
        // 0: an announcement has no addresses.
        let (columns, which) = match noted_by {
            NotedBy::Recipient => (format!("r.{column}, r.audience_id"), these.clone()),
            NotedBy::Reader => (
                format!("i.{column}, 0"),
                format!("{these} AND {}", dialect.checked(&format!("i.{column} IS NOT NULL"))),
            ),
        };
        Some(format!(
            "SELECT {columns}, CASE WHEN r.seen_at IS NULL THEN 1 ELSE 0 END FROM inbox_item AS i {join} \
             WHERE {which} AND r.{new} IS NULL"
        ))
    };
    let fresh = ItemKind::all().filter_map(fresh).collect::<Vec<_>>().join(" UNION ALL ");
    let (mut messages, mut audiences, mut announcements) = (Vec::new(), Vec::new(), Vec::new());
    for row in tx.rows(&fresh, [items]).await? {
        let (subject, audience): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let seen = i64::from(row.try_get_by_index::<i32>(2)?);
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
    let dialect = tx.dialect();
    // A person reached by several addresses counts once for the message.
    messages.sort_unstable();
    messages.dedup();
    let also = if read { "read_at = $1, " } else { "" };
    // As pairs: with one list of messages and one of addresses, each message would be looked up
    // with every address.
    let mark = format!(
        "UPDATE message_recipient SET {also}seen_at = coalesce(message_recipient.seen_at, $1) FROM {} AS d \
         WHERE message_recipient.message_id = d.message AND message_recipient.user_id = $2 \
         AND message_recipient.audience_id = d.id",
        dialect.integer_table("$3", &["id", "seen", "message"]),
    );
    tx.run(&mark, [now.into(), owner.into(), integers(audiences.iter().copied())]).await?;
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
    let (also, then) = if read { ("$2", "UPDATE SET read_at = $2") } else { ("NULL", "NOTHING") };
    let mark = format!(
        "INSERT INTO announcement_reading (announcement_id, user_id, seen_at, read_at) \
         SELECT d.id, $3, $2, {also} FROM {} AS d WHERE true ON CONFLICT (announcement_id, user_id) DO {then}",
        tx.dialect().integer_table("$1", &["id", "seen"])
    );
    tx.run(&mark, [integers(announcements.iter().copied()), now.into(), owner.into()]).await?;
    lock(tx, "announcement", &announcements).await?;
    count(tx, "announcement", announcements, read, now).await
}

/// Locks the rows whose counts change, in the order of their ids.
async fn lock(tx: &Tx, table: &str, rows: &[[i64; 2]]) -> Result<()> {
    let dialect = tx.dialect();
    // Changing one row locks it.
    if rows.len() == 1 || !dialect.locks_rows() {
        return Ok(());
    }
    let which = dialect.is_one_of("id", "$1");
    let lock = format!("SELECT id FROM {table} WHERE {which} ORDER BY id {}", dialect.for_update());
    tx.rows(&lock, [ids(rows)]).await?;
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
    let reading = if read {
        format!(
            ", read_count = {table}.read_count + 1, first_read_at = coalesce(first_read_at, $2), last_read_at = $2"
        )
    } else {
        String::new()
    };
    let count = format!(
        "UPDATE {table} SET seen_count = CAST({table}.seen_count + d.seen AS integer){reading} FROM {} AS d WHERE {table}.id = d.id",
        tx.dialect().integer_table("$1", &["id", "seen"])
    );
    let times = read.then(|| now.into());
    tx.run(&count, [integers(rows)].into_iter().chain(times)).await?;
    Ok(())
}

fn ids(rows: &[[i64; 2]]) -> Value {
    list(&rows.iter().map(|[id, _]| *id).collect::<Vec<_>>())
}
