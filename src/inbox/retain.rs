//! Removes from all inboxes what is older than the setting `inbox_retention` allows.
//!
//! Such items leave as what has expired does: followers see it, the counts follow, and tombstones
//! stay for `retention_days`. The age of an item is the time since it last moved to the top. What
//! is snoozed stays until it comes back.

use ::entity::id::{ItemId, UserId};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::FromQueryResult;

use super::{
    BATCH,
    change::{Change, apply},
    items_and_owners,
    lock::lock,
};
use crate::{
    db::{Db, Sql, Tx},
    error::Result,
    sweep::{self, Pass},
};

/// An item that a pass has come to.
#[derive(FromQueryResult)]
struct Passed {
    id: ItemId,
    user_id: UserId,
    created_at: DateTime<Utc>,
    /// 1 if it is too old.
    is_old: i32,
}

fn is_old(sql: &mut Sql, horizon: DateTime<Utc>) -> String {
    format!("removed_at IS NULL AND snoozed_until IS NULL AND updated_at < {}", sql.bind(horizon))
}

/// One part of a pass: looks at the next [`BATCH`] items, and removes those that are too old.
pub async fn remove_old(db: &Db, retention: TimeDelta, now: DateTime<Utc>) -> Result<()> {
    let tx = db.begin().await?;
    let Some(pass) = sweep::lock(&tx, Pass::Inboxes, now - retention, now).await? else {
        // The transaction that ended it may be in the same group of commits.
        return tx.commit().await;
    };
    let mut sql = tx.sql("inbox::next_items");
    let (is_old, after) = (is_old(&mut sql, pass.horizon), sql.bind(pass.position));
    sql.push(format!(
        "SELECT id, user_id, created_at, CASE WHEN {is_old} THEN 1 ELSE 0 END AS is_old \
         FROM inbox_item WHERE id > {after} ORDER BY id LIMIT {BATCH}"
    ));
    let passed: Vec<Passed> = sql.all(&*tx).await?;
    let old = passed.iter().filter(|item| item.is_old == 1);
    let (items, owners): (Vec<_>, Vec<_>) = old.map(|item| (item.id, item.user_id)).unzip();
    if !items.is_empty() {
        remove(&tx, &items, &owners, pass.horizon, now).await?;
    }
    let last =
        passed.last().filter(|last| passed.len() as i64 == BATCH && last.created_at < pass.horizon);
    sweep::note(&tx, Pass::Inboxes, last.map(|last| last.id.0), now).await?;
    tx.commit().await
}

async fn remove(
    tx: &Tx,
    items: &[ItemId],
    owners: &[UserId],
    horizon: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<()> {
    lock(tx, owners).await?;
    // Again under the locks: an item may have moved to the top, or been snoozed.
    let mut sql = tx.sql("inbox::still_old");
    let (these, is_old) = (sql.is_one_of("id", items), is_old(&mut sql, horizon));
    let is_old = sql.dialect().checked(&is_old);
    sql.push(format!("SELECT id, user_id FROM inbox_item WHERE {these} AND {is_old}"));
    let (items, _) = items_and_owners(&sql, &**tx).await?;
    if !items.is_empty() {
        apply(tx, &items, "true", Change::Remove, now).await?;
    }
    Ok(())
}
