//! Removes from inboxes what has expired or was retracted.

use ::entity::id::UserId;
use chrono::{DateTime, Utc};

use super::{
    BATCH,
    change::{Change, apply},
    items_and_owners,
    kind::{About, ItemKind},
    lock::lock,
};
use crate::{db::Tx, error::Result};

/// Removes the items about something from the inboxes of at most [`BATCH`] people after a user.
/// Returns the last of these people.
pub async fn remove(
    tx: &Tx,
    about: About,
    after: UserId,
    now: DateTime<Utc>,
) -> Result<Option<UserId>> {
    let (ItemKind { column, .. }, id) = about.kind_and_id();
    let mut sql = tx.sql("inbox::items_to_remove");
    let (id, after) = (sql.bind(id), sql.bind(after));
    sql.push(format!(
        "SELECT id, user_id FROM inbox_item \
         WHERE {column} = {id} AND user_id > {after} AND removed_at IS NULL \
         ORDER BY user_id LIMIT {BATCH}"
    ));
    let (items, owners) = items_and_owners(&sql, &**tx).await?;
    if let Some(last) = owners.last() {
        lock(tx, &owners).await?;
        apply(tx, &items, Change::Remove, now).await?;
        return Ok(Some(*last));
    }
    Ok(None)
}
