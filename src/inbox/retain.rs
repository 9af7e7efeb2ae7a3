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
    sweep::{self, Pass, Progress},
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
/// Returns how many it has removed.
pub async fn remove_old(db: &Db, retention: TimeDelta, now: DateTime<Utc>) -> Result<u64> {
    let tx = db.begin().await?;
    let Some(pass) = sweep::lock(&tx, Pass::Inboxes, now - retention, now).await? else {
        // The transaction that ended it may be in the same group of commits.
        tx.commit().await?;
        return Ok(0);
    };
    let passed: Vec<Passed> = next(tx.sql("inbox::next_items"), pass).all(&*tx).await?;
    let old = passed.iter().filter(|item| item.is_old == 1);
    let (items, owners): (Vec<_>, Vec<_>) = old.map(|item| (item.id, item.user_id)).unzip();
    let removed = match items.is_empty() {
        true => 0,
        false => remove(&tx, &items, &owners, pass.horizon, now).await?,
    };
    sweep::note(&tx, Pass::Inboxes, end(&passed, pass), now).await?;
    tx.commit().await?;
    Ok(removed)
}

/// How many items a pass would remove.
pub async fn count_old(db: &Db, horizon: DateTime<Utc>) -> Result<u64> {
    let (mut pass, mut count) = (Progress { position: 0, horizon }, 0);
    loop {
        let passed: Vec<Passed> = next(db.sql("inbox::next_to_count"), pass).all(db.read()).await?;
        count += passed.iter().filter(|item| item.is_old == 1).count() as u64;
        match end(&passed, pass) {
            Some(position) => pass.position = position,
            None => return Ok(count),
        }
    }
}

/// The next items of a pass.
fn next(mut sql: Sql, pass: Progress) -> Sql {
    let (is_old, after) = (is_old(&mut sql, pass.horizon), sql.bind(pass.position));
    sql.push(format!(
        "SELECT id, user_id, created_at, CASE WHEN {is_old} THEN 1 ELSE 0 END AS is_old \
         FROM inbox_item WHERE id > {after} ORDER BY id LIMIT {BATCH}"
    ));
    sql
}

/// Where a pass goes on after these items; None if it has come to where all are young.
fn end(passed: &[Passed], pass: Progress) -> Option<i64> {
    // Ids grow with time, but not strictly: an item may have lost the activity that began it.
    let is_more =
        passed.len() as i64 == BATCH && passed.iter().any(|item| item.created_at < pass.horizon);
    passed.last().filter(|_| is_more).map(|last| last.id.0)
}

async fn remove(
    tx: &Tx,
    items: &[ItemId],
    owners: &[UserId],
    horizon: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64> {
    lock(tx, owners).await?;
    // Again under the locks: an item may have moved to the top, or been snoozed.
    let mut sql = tx.sql("inbox::still_old");
    let (these, is_old) = (sql.is_one_of("id", items), is_old(&mut sql, horizon));
    let is_old = sql.dialect().checked(&is_old);
    sql.push(format!("SELECT id, user_id FROM inbox_item WHERE {these} AND {is_old}"));
    let (items, _) = items_and_owners(&sql, &**tx).await?;
    if !items.is_empty() {
        apply(tx, &items, Change::Remove, now).await?;
    }
    Ok(items.len() as u64)
}
