//! Muted threads: what comes into one is archived, read and seen from the beginning. So it is in no
//! count of what is new, brings up nothing, and reminds nobody; its owner finds it in the view ALL.
//!
//! - What is in the inbox when its owner mutes the thread stays as it is.
//! - A reply is delivered to everybody alike, and then changed for those who have muted its thread,
//!   in the same transaction. So only replies ask who has, by one look into an index, and nobody
//!   else pays for it.
//! - The item tells no client that something has arrived (`arrived_seq` is 0), and no sender that
//!   it was read: that is noted when its owner marks it as read.
//! - Muting holds the lock of the inbox, as delivering does: of the two, one comes first.

use ::entity::id::{ItemId, MessageId, UserId};
use chrono::{DateTime, Utc};

use super::{
    change::{Change, apply},
    deliver::Recipients,
    items_and_owners,
    lock::lock,
    threads::{item_about, items_of},
};
use crate::{
    db::{Db, Tx},
    error::Result,
};

/// Mutes a thread for somebody. Idempotent.
pub async fn mute(db: &Db, owner: UserId, root: MessageId, now: DateTime<Utc>) -> Result<()> {
    let tx = db.begin().await?;
    lock(&tx, &[owner]).await?;
    let mut sql = tx.sql("inbox::mute");
    let (root_id, user, at) = (sql.bind(root), sql.bind(owner), sql.bind(now));
    sql.push(format!(
        "INSERT INTO thread_mute (root_id, user_id, muted_at) VALUES ({root_id}, {user}, {at}) \
         ON CONFLICT (root_id, user_id) DO NOTHING"
    ));
    if sql.run(&*tx).await? > 0 {
        tell(&tx, owner, root, now).await?;
    }
    tx.commit().await
}

/// Lets a thread that somebody has muted be heard again. Idempotent.
pub async fn unmute(db: &Db, owner: UserId, root: MessageId, now: DateTime<Utc>) -> Result<()> {
    let tx = db.begin().await?;
    lock(&tx, &[owner]).await?;
    let mut sql = tx.sql("inbox::unmute");
    let (root_id, user) = (sql.bind(root), sql.bind(owner));
    sql.push(format!("DELETE FROM thread_mute WHERE root_id = {root_id} AND user_id = {user}"));
    if sql.run(&*tx).await? > 0 {
        tell(&tx, owner, root, now).await?;
    }
    tx.commit().await
}

/// Tells those who follow the inbox that the thread has changed: by its newest item, since every
/// item shows the same thread.
async fn tell(tx: &Tx, owner: UserId, root: MessageId, now: DateTime<Utc>) -> Result<()> {
    let mut sql = tx.sql("inbox::newest_of_thread");
    let user = sql.bind(owner);
    let items = items_of(&mut sql, user, root);
    sql.push(format!(
        "SELECT max(id) FROM inbox_item WHERE {} AND {}",
        sql.dialect().is_among("id", &items),
        sql.dialect().checked("removed_at IS NULL")
    ));
    let newest: Option<ItemId> = sql.value(&**tx).await?;
    apply(tx, newest.as_slice(), Change::Refresh, now).await.map(drop)
}

/// Quietens replies that have just come into inboxes, where the thread is muted. The inboxes of
/// these recipients are locked.
pub async fn quieten(
    tx: &Tx,
    replies: &[MessageId],
    to: Recipients,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut sql = tx.sql("inbox::muted");
    let these = sql.is_one_of("m.id", replies);
    let (after, up_to) = to.range();
    let (after, up_to) = (sql.bind(after), sql.bind(up_to));
    sql.push(format!(
        "SELECT {} AS id, t.user_id \
         FROM message AS m JOIN thread_mute AS t ON t.root_id = coalesce(m.root_id, m.id) \
         WHERE {these} AND t.user_id > {after} AND t.user_id <= {up_to}",
        item_about("m.id", "t.user_id")
    ));
    let (items, _) = items_and_owners(&sql, &**tx).await?;
    if !items.is_empty() {
        apply(tx, &items, Change::Mute, now).await?;
    }
    Ok(())
}

/// Forgets who has muted some threads, or that one person has.
pub async fn forget_mutes(tx: &Tx, roots: &[MessageId], of: Option<UserId>) -> Result<()> {
    let mut sql = tx.sql("inbox::forget_mutes");
    let these = sql.is_one_of("root_id", roots);
    let of = of.map_or_else(String::new, |user| format!(" AND user_id = {}", sql.bind(user)));
    sql.push(format!("DELETE FROM thread_mute WHERE {these}{of}"));
    sql.run(&**tx).await.map(drop)
}
