//! When what items are about has changed, every inbox that has them tells its clients, in batches
//! that survive a crash.
//!
//! The change of a title or text is noted in the same transaction. After the commit, and before the
//! call is answered, the items of the first [`BATCH`] people get a new number; the job does the
//! rest. The names of people are an exception: a new one shows when an item is next fetched.

use ::entity::{
    id::{AnnouncementId, RefreshId, TargetId, UserId},
    refresh,
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    EntityTrait, FromQueryResult,
};

use crate::{
    app::App,
    db::{Topic, Tx},
    error::Result,
    inbox::{self, BATCH, Change},
};

/// What has changed.
#[derive(Clone, Copy, Debug)]
pub enum Changed {
    Announcement(AnnouncementId),
    Target(TargetId),
}

/// Notes that the items about something are to be refreshed; give it to [`soon`] after the commit.
pub async fn note(tx: &Tx, changed: impl IntoIterator<Item = Changed>) -> Result<Vec<RefreshId>> {
    let rows = changed.into_iter().map(|changed| {
        let (announcement_id, target_id) = match changed {
            Changed::Announcement(id) => (Some(id), None),
            Changed::Target(id) => (None, Some(id)),
        };
        refresh::ActiveModel {
            id: NotSet,
            announcement_id: Set(announcement_id),
            target_id: Set(target_id),
            refreshed_to: Set(UserId(0)),
        }
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    // What happens next may fail, or take too long for the caller to wait.
    tx.concerns([Topic::Jobs]);
    let noted = refresh::Entity::insert_many(rows).exec_with_returning(&**tx).await?;
    Ok(noted.into_iter().map(|row| row.id).collect())
}

/// Refreshes the first items of what a call has noted, usually all of them. The job does the
/// rest: nobody waits for a million inboxes, and what a call has changed is committed.
pub async fn soon(app: &App, noted: &[RefreshId]) {
    for id in noted {
        if let Err(error) = refresh_some(app, *id).await {
            tracing::warn!(?error, "items are refreshed later");
        }
    }
}

/// The changes that are noted, at most `limit` of them.
pub async fn noted(app: &App, limit: u64) -> Result<Vec<RefreshId>> {
    let mut sql = app.db.sql("refresh::noted");
    sql.push(format!("SELECT id FROM refresh ORDER BY id LIMIT {limit}"));
    sql.values(app.db.read()).await
}

/// What is to be refreshed, and how far that has got.
#[derive(FromQueryResult)]
struct Noted {
    announcement_id: Option<AnnouncementId>,
    target_id: Option<TargetId>,
    refreshed_to: UserId,
}

/// Refreshes the items of the next [`BATCH`] people. Several callers may do it at once.
pub async fn refresh_some(app: &App, id: RefreshId) -> Result<()> {
    let tx = app.db.begin().await?;
    let mut sql = tx.sql("refresh::lock");
    let (this, for_update) = (sql.bind(id), sql.dialect().for_update());
    sql.push(format!(
        "SELECT announcement_id, target_id, refreshed_to FROM refresh \
         WHERE id = {this} {for_update}"
    ));
    let Some(noted) = sql.one::<Noted>(&*tx).await? else {
        // Somebody else has done it: perhaps in the same group of commits, and it is done when that
        // is durable.
        return tx.commit().await;
    };
    let (column, subject) = match noted.announcement_id {
        Some(announcement) => ("announcement_id", Some(announcement.0)),
        None => ("target_id", noted.target_id.map(|target| target.0)),
    };
    let mut sql = tx.sql("refresh::next_part");
    let (about, after) = (sql.bind(subject), sql.bind(noted.refreshed_to));
    sql.push(format!(
        "SELECT max(user_id) FROM (SELECT DISTINCT user_id FROM inbox_item \
         WHERE {column} = {about} AND user_id > {after} AND removed_at IS NULL \
         ORDER BY user_id LIMIT {BATCH}) AS next"
    ));
    match sql.value::<UserId>(&*tx).await? {
        Some(up_to) => {
            // All in this range. Anyone who gets an item later gets it as it is now.
            let mut sql = tx.sql("refresh::find");
            let (about, after) = (sql.bind(subject), sql.bind(noted.refreshed_to));
            let last = sql.bind(up_to);
            sql.push(format!(
                "SELECT id, user_id FROM inbox_item \
                 WHERE {column} = {about} AND user_id > {after} AND user_id <= {last} \
                 AND removed_at IS NULL ORDER BY user_id"
            ));
            let (items, owners) = inbox::items_and_owners(&sql, &*tx).await?;
            inbox::lock(&tx, &owners).await?;
            inbox::apply(&tx, &items, "true", Change::Refresh, app.clock.now()).await?;
            let mut sql = tx.sql("refresh::note");
            let (id, up_to) = (sql.bind(id), sql.bind(up_to));
            sql.push(format!("UPDATE refresh SET refreshed_to = {up_to} WHERE id = {id}"));
            sql.run(&*tx).await?;
        }
        None => {
            let mut sql = tx.sql("refresh::end");
            let id = sql.bind(id);
            sql.push(format!("DELETE FROM refresh WHERE id = {id}"));
            sql.run(&*tx).await?;
        }
    }
    tx.commit().await
}
