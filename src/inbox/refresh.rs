//! When what items are about has changed, every inbox that has them tells its clients, in batches
//! that survive a crash.
//!
//! The change of a title or text is noted in the same transaction. After the commit, and before the
//! call is answered, the items of the first [`BATCH`] people get a new number; the job does the
//! rest. The names of people are an exception: a new one shows when an item is next fetched.

use ::entity::{
    id::{AnnouncementId, MessageId, RefreshId, TargetId, UserId},
    refresh,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    EntityTrait, FromQueryResult,
};

use super::{
    BATCH,
    change::{Change, apply},
    items_and_owners,
    lock::lock,
};
use crate::{
    db::{Db, Topic, Tx},
    error::Result,
};

/// What has changed.
#[derive(Clone, Copy, Debug)]
pub enum Changed {
    Message(MessageId),
    Announcement(AnnouncementId),
    Target(TargetId),
}

/// Notes that the items about something are to be refreshed; give it to [`soon`] after the commit.
pub async fn note(tx: &Tx, changed: impl IntoIterator<Item = Changed>) -> Result<Vec<RefreshId>> {
    let rows = changed.into_iter().map(|changed| {
        let (message_id, announcement_id, target_id) = match changed {
            Changed::Message(id) => (Some(id), None, None),
            Changed::Announcement(id) => (None, Some(id), None),
            Changed::Target(id) => (None, None, Some(id)),
        };
        refresh::ActiveModel {
            id: NotSet,
            announcement_id: Set(announcement_id),
            target_id: Set(target_id),
            refreshed_to: Set(UserId(0)),
            message_id: Set(message_id),
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
pub async fn soon(db: &Db, noted: &[RefreshId], now: DateTime<Utc>) {
    for id in noted {
        if let Err(error) = refresh_some(db, *id, now).await {
            tracing::warn!(?error, "items are refreshed later");
        }
    }
}

/// The changes that are noted, at most `limit` of them.
pub async fn noted(db: &Db, limit: u64) -> Result<Vec<RefreshId>> {
    let mut sql = db.sql("refresh::noted");
    sql.push(format!("SELECT id FROM refresh ORDER BY id LIMIT {limit}"));
    sql.values(db.read()).await
}

/// What is to be refreshed, and how far that has got.
#[derive(FromQueryResult)]
struct Noted {
    message_id: Option<MessageId>,
    announcement_id: Option<AnnouncementId>,
    target_id: Option<TargetId>,
    refreshed_to: UserId,
}

/// Refreshes the items of the next [`BATCH`] people. Several callers may do it at once.
pub async fn refresh_some(db: &Db, id: RefreshId, now: DateTime<Utc>) -> Result<()> {
    let tx = db.begin().await?;
    let mut sql = tx.sql("refresh::lock");
    let (this, for_update) = (sql.bind(id), sql.dialect().for_update());
    sql.push(format!(
        "SELECT message_id, announcement_id, target_id, refreshed_to FROM refresh \
         WHERE id = {this} {for_update}"
    ));
    let Some(noted) = sql.one::<Noted>(&*tx).await? else {
        // Somebody else has done it: perhaps in the same group of commits, and it is done when that
        // is durable.
        return tx.commit().await;
    };
    let (column, subject) = match noted {
        Noted { message_id: Some(message), .. } => ("message_id", Some(message.0)),
        Noted { announcement_id: Some(announcement), .. } => {
            ("announcement_id", Some(announcement.0))
        }
        Noted { target_id, .. } => ("target_id", target_id.map(|target| target.0)),
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
            let (items, owners) = items_and_owners(&sql, &*tx).await?;
            lock(&tx, &owners).await?;
            apply(&tx, &items, Change::Refresh, now).await?;
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
