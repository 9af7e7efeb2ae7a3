//! What items are about has changed: every inbox that has them tells its clients, in batches that
//! survive a crash.
//!
//! The change of a title or text notes what has changed in its own transaction. After the commit,
//! and before the call is answered, the first [`BATCH`] people get a new number on their items; the
//! job does the rest. The names of people are an exception: a new one shows when an item is next
//! fetched.

use ::entity::refresh;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    EntityTrait,
};

use crate::{
    app::App,
    db::{Topic, Tx, list},
    error::Result,
    inbox::{self, BATCH, Change},
};

/// What has changed.
#[derive(Clone, Copy, Debug)]
pub enum Changed {
    Announcement(i64),
    Target(i64),
}

/// Notes that the items about something are to be refreshed; give it to [`soon`] after the commit.
pub async fn note(tx: &Tx, changed: impl IntoIterator<Item = Changed>) -> Result<Vec<i64>> {
    let rows = changed.into_iter().map(|changed| {
        let (announcement_id, target_id) = match changed {
            Changed::Announcement(id) => (Some(id), None),
            Changed::Target(id) => (None, Some(id)),
        };
        refresh::ActiveModel {
            id: NotSet,
            announcement_id: Set(announcement_id),
            target_id: Set(target_id),
            refreshed_to: Set(0),
        }
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    // What happens next may fail, or be too much for who waits for it.
    tx.concerns([Topic::Schedule]);
    let noted = refresh::Entity::insert_many(rows).exec_with_returning(&**tx).await?;
    Ok(noted.into_iter().map(|row| row.id).collect())
}

/// Refreshes the first items of what a call has noted, which mostly is all of them. The schedule does the rest: nobody waits
/// for a million inboxes, and what a call has changed is committed.
pub async fn soon(app: &App, noted: &[i64]) {
    for id in noted {
        if let Err(error) = refresh_some(app, *id).await {
            tracing::warn!(?error, "items are refreshed later");
        }
    }
}

/// What is noted, at most `limit` of it.
pub async fn noted(app: &App, limit: u64) -> Result<Vec<i64>> {
    app.db.integers(&format!("SELECT id FROM refresh ORDER BY id LIMIT {limit}"), []).await
}

/// Refreshes the items of the next [`BATCH`] people. Several may do it at once.
pub async fn refresh_some(app: &App, id: i64) -> Result<()> {
    let tx = app.db.begin().await?;
    let lock = format!(
        "SELECT r.announcement_id, r.target_id, r.refreshed_to FROM refresh AS r WHERE r.id = $1 {}",
        tx.dialect().for_update()
    );
    let Some(row) = tx.rows(&lock, [id.into()]).await?.pop() else {
        // Somebody else has done it: in the same group of commits perhaps, and it is done when that is durable.
        return tx.commit().await;
    };
    let (column, subject) = match row.try_get_by_index::<Option<i64>>(0)? {
        Some(announcement) => ("announcement_id", announcement),
        None => ("target_id", row.try_get_by_index(1)?),
    };
    let after: i64 = row.try_get_by_index(2)?;
    let next = format!(
        "SELECT max(user_id) FROM (SELECT DISTINCT user_id FROM inbox_item \
         WHERE {column} = $1 AND user_id > $2 AND removed_at IS NULL ORDER BY user_id LIMIT {BATCH}) AS next"
    );
    let next = tx.rows(&next, [subject.into(), after.into()]).await?;
    let up_to =
        next.first().map(|row| row.try_get_by_index::<Option<i64>>(0)).transpose()?.flatten();
    match up_to {
        Some(up_to) => {
            // All in this range. Who gets it later gets it as it is now.
            let find = format!(
                "SELECT id, user_id FROM inbox_item \
                 WHERE {column} = $1 AND user_id > $2 AND user_id <= $3 AND removed_at IS NULL ORDER BY user_id"
            );
            let found = tx.rows(&find, [subject.into(), after.into(), up_to.into()]).await?;
            let (items, owners) = inbox::items_and_owners(&found)?;
            inbox::lock(&tx, &owners).await?;
            inbox::apply(&tx, list(&items), "true", Change::Refresh, app.clock.now()).await?;
            tx.run("UPDATE refresh SET refreshed_to = $2 WHERE id = $1", [id.into(), up_to.into()])
                .await?;
        }
        None => drop(tx.run("DELETE FROM refresh WHERE id = $1", [id.into()]).await?),
    }
    tx.commit().await
}
