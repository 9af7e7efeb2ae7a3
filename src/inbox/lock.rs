//! Locks inboxes, many at once, and holds none while waiting for another.

use ::entity::id::UserId;
use sea_orm::{ConnectionTrait, Value};

use crate::{
    db::{Tx, list},
    error::Result,
};

/// Locks some inboxes.
pub async fn lock(tx: &Tx, owners: &[UserId]) -> Result<()> {
    lock_those(tx, &tx.dialect().is_one_of("user_id", "$1"), &[list(owners)]).await
}

/// How many times [`lock_those`] starts again if another inbox is locked each time.
const MOST_TRIES: usize = 4;

/// Locks the inboxes for which a condition on `user_id` holds.
///
/// Holds none of them while waiting for another: an inbox that stays locked would make everybody
/// else in a group wait, too. Where many transactions compete for the same inboxes this could go on
/// forever, so after some tries they are locked one after the other, in the order of the users.
pub async fn lock_those(tx: &Tx, which: &str, values: &[Value]) -> Result<()> {
    let dialect = tx.dialect();
    if !dialect.locks_rows() {
        return Ok(());
    }
    let lock_free = format!(
        "WITH locked AS MATERIALIZED (SELECT user_id FROM inbox WHERE {which} {} SKIP LOCKED) \
         SELECT min(user_id) FROM inbox WHERE {which} AND user_id NOT IN (SELECT user_id FROM locked)",
        dialect.for_update()
    );
    let wait = format!("SELECT user_id FROM inbox WHERE user_id = $1 {}", dialect.for_update());
    tx.execute_unprepared("SAVEPOINT before_inboxes").await?;
    for _ in 0..MOST_TRIES {
        let first_locked = tx.rows(&lock_free, values.iter().cloned()).await?;
        let first_locked = first_locked
            .first()
            .map(|row| row.try_get_by_index::<Option<UserId>>(0))
            .transpose()?;
        let Some(first_locked) = first_locked.flatten() else { return Ok(()) };
        tx.execute_unprepared("ROLLBACK TO SAVEPOINT before_inboxes").await?;
        tx.rows(&wait, [first_locked.into()]).await?;
    }
    tx.execute_unprepared("ROLLBACK TO SAVEPOINT before_inboxes").await?;
    let in_order = format!(
        "SELECT user_id FROM inbox WHERE {which} ORDER BY user_id {}",
        dialect.for_update()
    );
    tx.rows(&in_order, values.iter().cloned()).await?;
    Ok(())
}
