//! Puts a new message into the inboxes of its recipients.

use ::entity::id::{MessageId, UserId};
use chrono::{DateTime, Utc};
use sea_orm::QueryResult;

use super::lock::lock_those;
use crate::{
    db::{Topic, Tx, integers},
    error::Result,
};

/// The recipients whose inboxes a message goes into.
#[derive(Clone, Copy, Debug)]
pub enum Recipients {
    /// All of them, and there is only one.
    One,
    All,
    /// Those with ids in `(after, up_to]`.
    Between(UserId, UserId),
}

/// Puts a new message into inboxes.
pub async fn deliver(
    tx: &Tx,
    message: MessageId,
    to: Recipients,
    now: DateTime<Utc>,
) -> Result<()> {
    let (after, up_to) = match to {
        Recipients::One | Recipients::All => (UserId(0), UserId(i64::MAX)),
        Recipients::Between(after, up_to) => (after, up_to),
    };
    let dialect = tx.dialect();
    let recipients = "SELECT user_id FROM message_recipient WHERE message_id = $1 AND user_id > $2 AND user_id <= $3";
    let (which, values) =
        (dialect.is_among("user_id", recipients), [message.into(), after.into(), up_to.into()]);
    if !matches!(to, Recipients::One) {
        lock_those(tx, &which, &values).await?;
    }
    // It is known what a new item counts for: one unread and one unseen.
    let count = format!(
        "UPDATE inbox SET seq = seq + 1, unread = unread + 1, unseen = unseen + 1 WHERE {which} RETURNING user_id, seq"
    );
    let changes = tx.rows(&count, values).await?;
    let change = |row: &QueryResult| Ok([row.try_get_by_index(0)?, row.try_get_by_index(1)?]);
    let mut changes = changes.iter().map(change).collect::<Result<Vec<[i64; 2]>>>()?;
    changes.sort_unstable();
    let insert = format!(
        "INSERT INTO inbox_item (user_id, kind, message_id, seq, arrived_seq, created_at, updated_at) \
         SELECT d.user_id, 'message', $2, d.seq, d.seq, $3, $3 FROM {} AS d",
        dialect.integer_table("$1", &["user_id", "seq"])
    );
    tx.run(&insert, [integers(changes.iter().copied()), message.into(), now.into()]).await?;
    tx.concerns(changes.into_iter().map(|[owner, _]| Topic::Inbox(UserId(owner))));
    Ok(())
}
