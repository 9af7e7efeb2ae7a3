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
use crate::{
    db::{Tx, list},
    error::Result,
};

/// Removes the items about something from the inboxes of at most [`BATCH`] people after a user.
/// Returns the last of these people.
pub async fn remove(
    tx: &Tx,
    about: About,
    after: UserId,
    now: DateTime<Utc>,
) -> Result<Option<UserId>> {
    let (ItemKind { column, .. }, id) = about.kind_and_id();
    let find = format!(
        "SELECT id, user_id FROM inbox_item WHERE {column} = $1 AND user_id > $2 AND removed_at IS NULL \
         ORDER BY user_id LIMIT {BATCH}"
    );
    let (items, owners) = items_and_owners(&tx.rows(&find, [id.into(), after.into()]).await?)?;
    if let Some(last) = owners.last() {
        lock(tx, &owners).await?;
        apply(tx, list(&items), "true", Change::Remove, now).await?;
        return Ok(Some(*last));
    }
    Ok(None)
}
