//! Empties the inbox of a person who is erased.

use ::entity::id::{ItemId, UserId};

use super::{BATCH, counts::begin_change, lock::lock};
use crate::{
    db::{Topic, Tx},
    error::Result,
};

/// Deletes the next items of an inbox, and its tombstones. No cursor of it can be continued.
/// Returns whether there may be more.
pub async fn erase_some(tx: &Tx, owner: UserId) -> Result<bool> {
    lock(tx, &[owner]).await?;
    let mut sql = tx.sql("inbox::items_to_erase");
    let user = sql.bind(owner);
    sql.push(format!(
        "SELECT id FROM inbox_item WHERE user_id = {user} ORDER BY seq, id LIMIT {BATCH}"
    ));
    let items: Vec<ItemId> = sql.values(&**tx).await?;
    if items.is_empty() {
        return Ok(false);
    }
    begin_change(tx, &[owner], &items).await?;
    delete(tx, &items).await?;
    let mut sql = tx.sql("inbox::note_erasure");
    let user = sql.bind(owner);
    sql.push(format!("UPDATE inbox SET purged_seq = seq WHERE user_id = {user}"));
    sql.run(&**tx).await?;
    tx.concerns([Topic::Inbox(owner)]);
    Ok(items.len() as i64 == BATCH)
}

/// Deletes items for good, with what they are made of and what they were. They are no longer
/// counted.
pub async fn delete(tx: &Tx, items: &[ItemId]) -> Result<()> {
    for (table, column) in [
        ("inbox_undo", "item_id"),
        ("inbox_item_activity", "item_id"),
        ("inbox_item_actor", "item_id"),
        ("inbox_item", "id"),
    ] {
        let mut sql = tx.sql("inbox::delete");
        let these = sql.is_one_of(column, items);
        sql.push(format!("DELETE FROM {table} WHERE {these}"));
        sql.run(&**tx).await?;
    }
    Ok(())
}
