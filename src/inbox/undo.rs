//! Takes back what people did to their items: read, unread, seen, archived, snoozed, and back.
//!
//! A change that can be taken back remembers what its items were before (`inbox_undo`): one row for
//! each item, since only the last change of an item can be taken back. [`undo`] names the change by
//! its number in the history of the inbox. Items that still have this number are as the change left
//! them, and become what they were. All others have been touched since, by their owner, a reminder
//! or anything else, and stay as they are.
//!
//! - An undo is a change with a number of its own: followers see it, and the counts follow.
//!   Repeated, it finds no item with the old number and changes nothing. It cannot itself be taken
//!   back.
//! - It asks for the items under the lock of the inbox, which every change holds. So of an undo and
//!   another change at the same time, one comes first, and the other sees it.
//! - Receipts stay: what was read was read (`receipts`).
//! - Changes are remembered for [`UNDO_WITHIN`].

use ::entity::id::{ItemId, Seq};
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    BATCH, NEW_SEQ,
    change::{Change, Changed, apply, concerned},
    lock::lock,
};
use crate::{
    auth::Actor,
    db::{Db, Tx},
    error::Result,
};

/// How long a change can be taken back. Undo is for somebody who has just noticed a mistake.
pub const UNDO_WITHIN: TimeDelta = TimeDelta::days(1);

/// Takes back the change of the actor's inbox with this number, for the items that nothing else has
/// touched since. Changes nothing if it is unknown, too old, or has been taken back.
#[tracing::instrument(level = "debug", name = "inbox::undo", skip_all, fields(actor = actor.in_log()))]
pub async fn undo(db: &Db, actor: &Actor, seq: Seq, now: DateTime<Utc>) -> Result<Changed> {
    let owner = actor.person()?.id;
    let tx = db.begin().await?;
    lock(&tx, &[owner]).await?;
    let mut sql = tx.sql("undo::items");
    let (user, seq, after) = (sql.bind(owner), sql.bind(seq), sql.bind(now - UNDO_WITHIN));
    sql.push(format!(
        "SELECT i.id FROM inbox_item AS i JOIN inbox_undo AS u ON u.item_id = i.id \
         WHERE i.user_id = {user} AND i.seq = {seq} AND {} {}",
        sql.dialect().checked(&format!("u.seq = {seq} AND u.changed_at > {after}")),
        // So that what is remembered is not forgotten meanwhile.
        sql.dialect().for_update_of_unlocked("u")
    ));
    let items: Vec<ItemId> = sql.values(&*tx).await?;
    let changed = apply(&tx, &items, Change::Undo, now).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Remembers what the items are that a change concerns. The change has its number, but has not been
/// made yet.
pub async fn remember(tx: &Tx, items: &[ItemId], change: Change, now: DateTime<Utc>) -> Result<()> {
    let mut sql = tx.sql("undo::remember");
    let these = concerned(&mut sql, items, change, now);
    let now = sql.bind(now);
    sql.push(format!(
        "INSERT INTO inbox_undo \
         (item_id, seq, seen_at, read_at, archived_at, snoozed_until, changed_at) \
         SELECT id, {NEW_SEQ}, seen_at, read_at, archived_at, snoozed_until, {now} \
         FROM inbox_item WHERE {these} \
         ON CONFLICT (item_id) DO UPDATE SET seq = excluded.seq, seen_at = excluded.seen_at, \
         read_at = excluded.read_at, archived_at = excluded.archived_at, \
         snoozed_until = excluded.snoozed_until, changed_at = excluded.changed_at"
    ));
    sql.run(&**tx).await.map(drop)
}

/// When the oldest change that is remembered was made.
pub async fn oldest(db: &Db) -> Result<Option<DateTime<Utc>>> {
    let mut sql = db.sql("undo::oldest");
    sql.push("SELECT changed_at FROM inbox_undo ORDER BY changed_at LIMIT 1");
    sql.value(db.read()).await
}

/// How many changes of items [`forget`] would forget.
pub async fn count_old(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    let mut sql = db.sql("undo::count_old");
    let horizon = sql.bind(now - UNDO_WITHIN);
    sql.push(format!("SELECT count(*) FROM inbox_undo WHERE changed_at <= {horizon}"));
    sql.count(db.read()).await
}

/// Forgets the changes that can no longer be taken back. Returns how many items they were of.
pub async fn forget(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    let mut all = 0;
    loop {
        let tx = db.begin().await?;
        let mut sql = tx.sql("undo::forget");
        let horizon = sql.bind(now - UNDO_WITHIN);
        // In index order, so that the databases read the old rows and nothing else. It waits for no
        // row: whoever holds it has locked an inbox.
        let old = format!(
            "SELECT u.item_id FROM inbox_undo AS u WHERE u.changed_at <= {horizon} \
             ORDER BY u.changed_at LIMIT {BATCH} {}",
            sql.dialect().for_update_of_unlocked("u")
        );
        let these = sql.dialect().is_among("item_id", &old);
        sql.push(format!("DELETE FROM inbox_undo WHERE {these}"));
        let forgotten = sql.run(&*tx).await?;
        tx.commit().await?;
        if forgotten == 0 {
            return Ok(all);
        }
        all += forgotten;
    }
}

/// Forgets what some items were: they have been removed.
pub async fn forget_undo_of(tx: &Tx, items: &[ItemId]) -> Result<()> {
    let mut sql = tx.sql("undo::forget_items");
    let these = sql.is_one_of("item_id", items);
    sql.push(format!("DELETE FROM inbox_undo WHERE {these}"));
    sql.run(&**tx).await.map(drop)
}
