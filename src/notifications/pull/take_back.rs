//! A retracted activity leaves its items: they become what they would be without it, and an item
//! with nothing left is removed.

use ::entity::{
    activity,
    id::{ActivityId, ItemId, UserId},
};
use chrono::{DateTime, Utc};
use sea_orm::EntityTrait;

use crate::{
    app::App,
    db::{Sql, Topic, Tx},
    error::Result,
    inbox::{self, BATCH, items_and_owners},
};

/// Removes a retracted activity from the next items, usually all of them; the job does the
/// rest. Nobody waits for a hundred thousand followers.
pub async fn take_back_soon(app: &App, id: ActivityId) -> Result<()> {
    // The second call finds nothing, and settles it.
    if take_back_batch(app, id).await? && take_back_batch(app, id).await? {
        app.live.hint(Topic::Jobs);
    }
    Ok(())
}

/// One transaction of [`take_back_soon`]. Returns whether there may be more.
async fn take_back_batch(app: &App, id: ActivityId) -> Result<bool> {
    let Some(activity) = activity::Entity::find_by_id(id).one(app.db.read()).await? else {
        return Ok(false);
    };
    let tx = app.db.begin().await?;
    let now = app.clock.now();
    let took_some = take_back_some(&tx, &activity, now).await?;
    if !took_some {
        let mut sql = tx.sql("take_back::settle");
        let (id, now) = (sql.bind(id), sql.bind(now));
        sql.push(format!(
            "UPDATE activity SET settled_at = coalesce(settled_at, {now}) WHERE id = {id}"
        ));
        sql.run(&*tx).await?;
    }
    tx.commit().await?;
    Ok(took_some)
}

/// Removes a retracted activity from items in at most [`BATCH`] inboxes. Returns whether there were
/// any.
async fn take_back_some(tx: &Tx, activity: &activity::Model, now: DateTime<Utc>) -> Result<bool> {
    let mut sql = tx.sql("take_back::find");
    let id = sql.bind(activity.id);
    sql.push(format!(
        "SELECT l.item_id AS id, \
         (SELECT i.user_id FROM inbox_item AS i WHERE i.id = l.item_id) AS user_id \
         FROM inbox_item_activity AS l WHERE l.activity_id = {id} ORDER BY l.item_id LIMIT {BATCH}"
    ));
    let (found, owners) = items_and_owners(&sql, &**tx).await?;
    if found.is_empty() {
        return Ok(false);
    }
    inbox::lock(tx, &owners).await?;
    // Checked again under the locks: somebody may have been faster.
    let mut sql = tx.sql("take_back::find_again");
    let (id, these) = (sql.bind(activity.id), sql.is_one_of("l.item_id", &found));
    sql.push(format!(
        "SELECT l.item_id AS id, \
         (SELECT i.user_id FROM inbox_item AS i WHERE i.id = l.item_id) AS user_id \
         FROM inbox_item_activity AS l WHERE l.activity_id = {id} AND {these}"
    ));
    let (items, mut owners) = items_and_owners(&sql, &**tx).await?;
    if items.is_empty() {
        return Ok(true);
    }
    owners.sort_unstable();
    owners.dedup();
    inbox::begin_change(tx, &owners, &items).await?;
    let mut sql = tx.sql("take_back::unlink");
    let (id, these) = (sql.bind(activity.id), sql.is_one_of("item_id", &items));
    sql.push(format!("DELETE FROM inbox_item_activity WHERE activity_id = {id} AND {these}"));
    sql.run(&**tx).await?;
    uncount(tx, activity, &items).await?;
    let mut sql = tx.sql("take_back::forget");
    let actor = sql.bind(activity.actor_id.unwrap_or(UserId(0)));
    let these = sql.is_one_of("item_id", &items);
    sql.push(format!(
        "DELETE FROM inbox_item_actor WHERE actor_id = {actor} AND activity_count = 0 AND {these}"
    ));
    sql.run(&**tx).await?;
    shrink(tx.sql("take_back::shrink"), activity, &items, now).run(&**tx).await?;
    inbox::count_changed(tx, &owners, &items).await?;
    tx.concerns(owners.into_iter().map(Topic::Inbox));
    Ok(true)
}

/// Counts one activity fewer for the person who did it, in the items that have lost it.
async fn uncount(tx: &Tx, activity: &activity::Model, items: &[ItemId]) -> Result<()> {
    let mut sql = tx.sql("take_back::uncount");
    let (id, actor) = (sql.bind(activity.id), sql.bind(activity.actor_id.unwrap_or(UserId(0))));
    let these = sql.is_one_of("item_id", items);
    // From the latest on: a person who has done more is usually found at once.
    sql.push(format!(
        "UPDATE inbox_item_actor SET activity_count = activity_count - 1, latest_activity_id = \
         CASE WHEN latest_activity_id = {id} AND activity_count > 1 THEN \
         (SELECT l.activity_id FROM inbox_item_activity AS l \
         JOIN activity AS a ON a.id = l.activity_id \
         WHERE l.item_id = inbox_item_actor.item_id AND coalesce(a.actor_id, 0) = {actor} \
         ORDER BY l.activity_id DESC LIMIT 1) \
         ELSE latest_activity_id END WHERE actor_id = {actor} AND {these}"
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Makes items that have lost an activity match the rest of their activities: it looks at both ends
/// of what is left, however much that is. Only what the lost activity had moved moves back: an item
/// that came back from a snooze stays where that put it.
fn shrink(mut sql: Sql, activity: &activity::Model, items: &[ItemId], now: DateTime<Utc>) -> Sql {
    let (created_at, now) = (sql.bind(activity.created_at), sql.bind(now));
    let actor = sql.bind(activity.actor_id.unwrap_or(UserId(0)));
    let these = sql.is_one_of("id", items);
    let end = |end: &str| {
        format!(
            "(SELECT {end}(l.activity_id) FROM inbox_item_activity AS l \
             WHERE l.item_id = inbox_item.id)"
        )
    };
    let made = |end: &str| format!("(SELECT a.created_at FROM activity AS a WHERE a.id = {end})");
    let (first, last) = (end("min"), end("max"));
    let (made_first, made_last) = (made(&first), made(&last));
    sql.push(format!(
        "UPDATE inbox_item SET activity_count = activity_count - 1, \
         actor_count = actor_count - CASE WHEN EXISTS (SELECT 1 FROM inbox_item_actor AS p \
         WHERE p.item_id = inbox_item.id AND p.actor_id = {actor}) THEN 0 ELSE 1 END, \
         activity_id = {last}, created_at = coalesce({made_first}, created_at), \
         updated_at = CASE WHEN updated_at = {created_at} THEN coalesce({made_last}, updated_at) \
         ELSE updated_at END, removed_at = CASE WHEN activity_count = 1 THEN {now} ELSE removed_at END, \
         seq = (SELECT b.seq FROM inbox AS b WHERE b.user_id = inbox_item.user_id) WHERE {these}"
    ));
    sql
}
