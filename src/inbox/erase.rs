//! Empties the inbox of a person who is erased.

use ::entity::id::{ItemId, UserId};
use sea_orm::FromQueryResult;

use super::{BATCH, counts::begin_change, lock::lock};
use crate::{
    db::{Topic, Tx},
    error::Result,
};

/// Deletes the next items of an inbox, and its tombstones, with at most [`BATCH`] activities in
/// them. No cursor of it can be continued. Returns whether there may be more.
pub async fn erase_some(tx: &Tx, owner: UserId) -> Result<bool> {
    #[derive(FromQueryResult)]
    struct Next {
        id: ItemId,
        activity_count: i32,
    }
    lock(tx, &[owner]).await?;
    let mut sql = tx.sql("inbox::items_to_erase");
    let user = sql.bind(owner);
    sql.push(format!(
        "SELECT id, activity_count FROM inbox_item WHERE user_id = {user} \
         ORDER BY seq, id LIMIT {BATCH}"
    ));
    let next: Vec<Next> = sql.all(&**tx).await?;
    let Some(first) = next.first() else { return Ok(false) };
    if i64::from(first.activity_count) > BATCH && forget_activities(tx, first.id).await? {
        return Ok(true);
    }
    let mut room = BATCH;
    let fits = |item: &&Next| {
        let is_first = room == BATCH;
        room -= i64::from(item.activity_count).max(1);
        is_first || room >= 0
    };
    let items: Vec<_> = next.iter().take_while(fits).map(|item| item.id).collect();
    begin_change(tx, &[owner], &items).await?;
    delete(tx, &items).await?;
    let mut sql = tx.sql("inbox::note_erasure");
    let user = sql.bind(owner);
    sql.push(format!("UPDATE inbox SET purged_seq = seq WHERE user_id = {user}"));
    sql.run(&**tx).await?;
    tx.concerns([Topic::Inbox(owner)]);
    Ok(items.len() < next.len() || next.len() as i64 == BATCH)
}

/// Deletes some of what an item with many activities is made of. Returns whether there may be more.
async fn forget_activities(tx: &Tx, item: ItemId) -> Result<bool> {
    let mut is_more = false;
    for (table, column) in
        [("inbox_item_activity", "activity_id"), ("inbox_item_actor", "actor_id")]
    {
        let mut sql = tx.sql("inbox::forget_activities");
        let item = sql.bind(item);
        let some =
            format!("SELECT x.{column} FROM {table} AS x WHERE x.item_id = {item} LIMIT {BATCH}");
        let these = sql.dialect().is_among(column, &some);
        sql.push(format!("DELETE FROM {table} WHERE item_id = {item} AND {these}"));
        is_more |= sql.run(&**tx).await? == BATCH as u64;
    }
    Ok(is_more)
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
