//! Puts a new message into the inboxes of its recipients.

use ::entity::id::{MessageId, Seq, UserId};
use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use super::lock::lock_those;
use crate::{
    db::{Sql, Topic, Tx},
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
    let which = move |sql: &mut Sql| {
        let (message, after, up_to) = (sql.bind(message), sql.bind(after), sql.bind(up_to));
        let recipients = format!(
            "SELECT user_id FROM message_recipient \
             WHERE message_id = {message} AND user_id > {after} AND user_id <= {up_to}"
        );
        sql.dialect().is_among("user_id", &recipients)
    };
    if !matches!(to, Recipients::One) {
        lock_those(tx, which).await?;
    }
    // It is known what a new item counts for: one unread and one unseen.
    let mut sql = tx.sql("inbox::count_delivered");
    let these = which(&mut sql);
    sql.push(format!(
        "UPDATE inbox SET seq = seq + 1, unread = unread + 1, unseen = unseen + 1 \
         WHERE {these} RETURNING user_id, seq"
    ));
    let mut changes: Vec<Counted> = sql.all(&**tx).await?;
    changes.sort_unstable_by_key(|change| change.user_id);
    let mut sql = tx.sql("inbox::deliver");
    let rows = changes.iter().map(|change| [change.user_id.0, change.seq.0]);
    let new = sql.integer_table(["user_id", "seq"], rows);
    let (message, now) = (sql.bind(message), sql.bind(now));
    sql.push(format!(
        "INSERT INTO inbox_item \
         (user_id, kind, message_id, seq, arrived_seq, created_at, updated_at) \
         SELECT d.user_id, 'message', {message}, d.seq, d.seq, {now}, {now} FROM {new} AS d"
    ));
    sql.run(&**tx).await?;
    tx.concerns(changes.into_iter().map(|change| Topic::Inbox(change.user_id)));
    Ok(())
}

/// The number of the change of an inbox that a new message came into.
#[derive(FromQueryResult)]
struct Counted {
    user_id: UserId,
    seq: Seq,
}
