//! Locks inboxes, many at once, and holds none while waiting for another.

use ::entity::id::UserId;
use sea_orm::ConnectionTrait;

use crate::{
    db::{Sql, Tx},
    error::Result,
};

/// Locks some inboxes.
pub async fn lock(tx: &Tx, owners: &[UserId]) -> Result<()> {
    lock_those(tx, |sql| sql.is_one_of("user_id", owners)).await
}

/// How many times [`lock_those`] starts again if another inbox is locked each time.
const MOST_TRIES: usize = 4;

/// Locks the inboxes for which a condition on `user_id` holds. `which` returns it, and binds its
/// values to the statement that it is given.
///
/// Holds none of them while waiting for another: an inbox that stays locked would make everybody
/// else in a group wait, too. Where many transactions compete for the same inboxes this could go on
/// forever, so after some tries they are locked one after the other, in the order of the users.
pub async fn lock_those(tx: &Tx, which: impl Fn(&mut Sql) -> String) -> Result<()> {
    let dialect = tx.dialect();
    if !dialect.locks_rows() {
        return Ok(());
    }
    let for_update = dialect.for_update();
    let mut lock_free = tx.sql("inbox::lock");
    let these = which(&mut lock_free);
    lock_free.push(format!(
        "WITH locked AS MATERIALIZED \
         (SELECT user_id FROM inbox WHERE {these} {for_update} SKIP LOCKED) \
         SELECT min(user_id) FROM inbox \
         WHERE {these} AND user_id NOT IN (SELECT user_id FROM locked)"
    ));
    tx.execute_unprepared("SAVEPOINT before_inboxes").await?;
    for _ in 0..MOST_TRIES {
        let first_locked: Option<UserId> = lock_free.value(&**tx).await?;
        let Some(first_locked) = first_locked else { return Ok(()) };
        tx.execute_unprepared("ROLLBACK TO SAVEPOINT before_inboxes").await?;
        let mut wait = tx.sql("inbox::wait_for_one");
        let user = wait.bind(first_locked);
        wait.push(format!("SELECT user_id FROM inbox WHERE user_id = {user} {for_update}"));
        wait.rows(&**tx).await?;
    }
    tx.execute_unprepared("ROLLBACK TO SAVEPOINT before_inboxes").await?;
    let mut in_order = tx.sql("inbox::lock_in_order");
    let these = which(&mut in_order);
    in_order.push(format!("SELECT user_id FROM inbox WHERE {these} ORDER BY user_id {for_update}"));
    in_order.rows(&**tx).await?;
    Ok(())
}
