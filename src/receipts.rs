//! Read receipts: who has seen and read a message, and how many by address and in all (M8, M9).
//!
//! A receipt is a fact for the sender: it is written once, when a person first sees or reads, and marking as unread does
//! not take it back. The counts stand on the message (each person once) and on each of its addresses, so that a read rate
//! costs nothing to show.

use chrono::{DateTime, Utc};

use crate::{
    db::{Topic, Tx, integers, list},
    error::Result,
};

/// Notes what the last change of a person's inbox touched as seen, or as read. The caller holds the lock of this inbox.
pub async fn record(tx: &Tx, owner: i64, read: bool, now: DateTime<Utc>) -> Result<()> {
    let dialect = tx.dialect();
    let (is_new, also) = if read { ("r.read_at IS NULL", "read_at = $1, ") } else { ("r.seen_at IS NULL", "") };
    let fresh = format!(
        "SELECT r.message_id, r.audience_id, CASE WHEN r.seen_at IS NULL THEN 1 ELSE 0 END \
         FROM inbox AS b JOIN inbox_item AS i ON i.user_id = b.user_id AND i.seq = b.seq \
         JOIN message_recipient AS r ON r.message_id = i.message_id AND r.user_id = i.user_id \
         WHERE b.user_id = $1 AND {is_new}"
    );
    let mut messages = Vec::new();
    let mut audiences = Vec::new();
    for row in tx.rows(&fresh, [owner.into()]).await? {
        let (message, audience): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let seen = i64::from(row.try_get_by_index::<i32>(2)?);
        messages.push([message, seen]);
        audiences.push([audience, seen]);
    }
    if messages.is_empty() {
        return Ok(());
    }
    // A person whom several addresses reached counts once for the message.
    messages.sort_unstable();
    messages.dedup();

    let ids = |rows: &[[i64; 2]]| list(&rows.iter().map(|[id, _]| *id).collect::<Vec<_>>());
    let mark = format!(
        "UPDATE message_recipient SET {also}seen_at = coalesce(seen_at, $1) WHERE user_id = $2 AND {} AND {}",
        dialect.is_one_of("message_id", "$3"),
        dialect.is_one_of("audience_id", "$4"),
    );
    tx.run(&mark, [now.into(), owner.into(), ids(&messages), ids(&audiences)]).await?;

    let lock =
        format!("SELECT id FROM message WHERE {} ORDER BY id {}", dialect.is_one_of("id", "$1"), dialect.for_update());
    tx.rows(&lock, [ids(&messages)]).await?;
    tx.concerns(messages.iter().map(|[id, _]| Topic::Reading(*id)));
    for (table, rows) in [("message", messages), ("message_audience", audiences)] {
        let reading = if read {
            format!(
                ", read_count = {table}.read_count + 1, first_read_at = coalesce(first_read_at, $2), last_read_at = $2"
            )
        } else {
            String::new()
        };
        let count = format!(
            "UPDATE {table} SET seen_count = CAST({table}.seen_count + d.seen AS integer){reading} FROM {} AS d WHERE {table}.id = d.id",
            dialect.integer_table("$1", &["id", "seen"])
        );
        let times = read.then(|| now.into());
        tx.run(&count, [integers(rows)].into_iter().chain(times)).await?;
    }
    Ok(())
}
