//! A retracted activity leaves the items that it is in: they become what they would be without it, and one that has nothing
//! left is removed.

use ::entity::activity;
use chrono::{DateTime, Utc};
use sea_orm::EntityTrait;

use crate::{
    app::App,
    db::{Topic, Tx, list},
    error::Result,
    inbox::{self, BATCH, items_and_owners},
};

/// Takes a retracted activity out of the next items, which mostly are all; the schedule does the rest. Nobody waits for a
/// hundred thousand followers.
pub async fn take_back_soon(app: &App, id: i64) -> Result<()> {
    // The second finds nothing, and settles it.
    if take_back_batch(app, id).await? && take_back_batch(app, id).await? {
        app.live.hint(Topic::Schedule);
    }
    Ok(())
}

/// One transaction of it. Gives whether there may be more.
async fn take_back_batch(app: &App, id: i64) -> Result<bool> {
    let Some(activity) = activity::Entity::find_by_id(id).one(app.db.read()).await? else {
        return Ok(false);
    };
    let tx = app.db.begin().await?;
    let now = app.clock.now();
    let took_some = take_back_some(&tx, &activity, now).await?;
    if !took_some {
        let settle = "UPDATE activity SET settled_at = coalesce(settled_at, $2) WHERE id = $1";
        tx.run(settle, [id.into(), now.into()]).await?;
    }
    tx.commit().await?;
    Ok(took_some)
}

/// The same in at most [`BATCH`] inboxes. Gives whether there were any.
async fn take_back_some(tx: &Tx, activity: &activity::Model, now: DateTime<Utc>) -> Result<bool> {
    let dialect = tx.dialect();
    let id = activity.id;
    let find = format!(
        "SELECT l.item_id, (SELECT i.user_id FROM inbox_item AS i WHERE i.id = l.item_id) FROM inbox_item_activity AS l \
         WHERE l.activity_id = $1 ORDER BY l.item_id LIMIT {BATCH}"
    );
    let (found, owners) = items_and_owners(&tx.rows(&find, [id.into()]).await?)?;
    if found.is_empty() {
        return Ok(false);
    }
    inbox::lock(tx, &owners).await?;
    // Looked at again under the locks: somebody may have been faster.
    let left = format!(
        "SELECT l.item_id, (SELECT i.user_id FROM inbox_item AS i WHERE i.id = l.item_id) FROM inbox_item_activity AS l \
         WHERE l.activity_id = $1 AND {}",
        dialect.is_one_of("l.item_id", "$2")
    );
    let (items, mut owners) = items_and_owners(&tx.rows(&left, [id.into(), list(&found)]).await?)?;
    if items.is_empty() {
        return Ok(true);
    }
    owners.sort_unstable();
    owners.dedup();
    inbox::begin_change(tx, &owners, &items).await?;
    let these = list(&items);
    let unlink = format!(
        "DELETE FROM inbox_item_activity WHERE activity_id = $1 AND {}",
        dialect.is_one_of("item_id", "$2")
    );
    tx.run(&unlink, [id.into(), these.clone()]).await?;
    let actor = activity.actor_id.unwrap_or(0);
    // From the latest on: who has done more is mostly found at once.
    let uncount = format!(
        "UPDATE inbox_item_actor SET activity_count = activity_count - 1, \
         latest_activity_id = CASE WHEN latest_activity_id = $3 AND activity_count > 1 THEN \
         (SELECT l.activity_id FROM inbox_item_activity AS l JOIN activity AS a ON a.id = l.activity_id \
         WHERE l.item_id = inbox_item_actor.item_id AND coalesce(a.actor_id, 0) = $1 \
         ORDER BY l.activity_id DESC LIMIT 1) ELSE latest_activity_id END WHERE actor_id = $1 AND {}",
        dialect.is_one_of("item_id", "$2")
    );
    tx.run(&uncount, [actor.into(), these.clone(), id.into()]).await?;
    let forget = format!(
        "DELETE FROM inbox_item_actor WHERE actor_id = $1 AND activity_count = 0 AND {}",
        dialect.is_one_of("item_id", "$2")
    );
    tx.run(&forget, [actor.into(), these.clone()]).await?;
    tx.run(&shrink(tx), [these.clone(), activity.created_at.into(), now.into(), actor.into()])
        .await?;
    inbox::count_changed(tx, &owners, these).await?;
    tx.concerns(owners.into_iter().map(Topic::Inbox));
    Ok(true)
}

/// Makes items `$1`, which have lost an activity of `$2` by `$4`, what the rest of their activities makes of them: looked up at
/// both ends of what is left, however much that is. Only what the lost one had moved moves back: an item that came back from a
/// snooze stays where that put it.
fn shrink(tx: &Tx) -> String {
    let end = |end: &str| {
        format!(
            "(SELECT {end}(l.activity_id) FROM inbox_item_activity AS l WHERE l.item_id = inbox_item.id)"
        )
    };
    let made = |end: &str| format!("(SELECT a.created_at FROM activity AS a WHERE a.id = {end})");
    let (first, last) = (end("min"), end("max"));
    format!(
        "UPDATE inbox_item SET activity_count = activity_count - 1, actor_count = actor_count - CASE WHEN EXISTS \
         (SELECT 1 FROM inbox_item_actor AS p WHERE p.item_id = inbox_item.id AND p.actor_id = $4) THEN 0 ELSE 1 END, \
         activity_id = {last}, created_at = coalesce({}, created_at), \
         updated_at = CASE WHEN updated_at = $2 THEN coalesce({}, updated_at) ELSE updated_at END, \
         removed_at = CASE WHEN activity_count = 1 THEN $3 END, \
         seq = (SELECT b.seq FROM inbox AS b WHERE b.user_id = inbox_item.user_id) WHERE {}",
        made(&first),
        made(&last),
        tx.dialect().is_one_of("id", "$1")
    )
}
