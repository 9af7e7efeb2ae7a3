//! What `notifications` knows of somebody who is erased. Each function does a part, in the
//! transaction of `erasure`.

use ::entity::id::{ActivityId, AnnouncementId, ItemId, TargetId, UserId};
use chrono::{DateTime, Utc};
use sea_orm::FromQueryResult;

use crate::{
    db::Tx,
    error::Result,
    inbox::{
        self, BATCH, Change,
        refresh::{self, Changed},
    },
};

/// Rows that one transaction looks through.
const MOST: i64 = 5_000;
/// Activities that one transaction looks through: no index has their people.
const MOST_ACTIVITIES: i64 = 50_000;

/// Deletes some subscriptions and settings of a person. Returns whether there may be more.
pub async fn wishes(tx: &Tx, user: UserId) -> Result<bool> {
    let mut is_more = false;
    for table in ["subscription", "subscription_config"] {
        let mut sql = tx.sql("erase::wishes");
        let user = sql.bind(user);
        sql.push(format!(
            "DELETE FROM {table} WHERE id IN \
             (SELECT id FROM {table} WHERE user_id = {user} LIMIT {MOST})"
        ));
        is_more |= sql.run(&**tx).await? == MOST as u64;
    }
    Ok(is_more)
}

/// Detaches a person's readings from them, of the next announcements after one, and refreshes the
/// items about those that they wrote, unless these show the right name. The caller has locked their
/// inbox. Returns the last of these announcements, if there may be more.
pub async fn announcements(
    tx: &Tx,
    user: UserId,
    after: i64,
    is_named: bool,
) -> Result<Option<i64>> {
    let mut sql = tx.sql("erase::announcements");
    let after = sql.bind(after);
    sql.push(format!("SELECT id FROM announcement WHERE id > {after} ORDER BY id LIMIT {MOST}"));
    let ids: Vec<AnnouncementId> = sql.values(&**tx).await?;
    let Some(last) = ids.last() else { return Ok(None) };
    let mut sql = tx.sql("erase::readings");
    let (these, person) = (sql.is_one_of("announcement_id", &ids), sql.bind(user));
    sql.push(format!(
        "SELECT announcement_id FROM announcement_reading WHERE {these} AND user_id = {person}"
    ));
    let read: Vec<AnnouncementId> = sql.values(&**tx).await?;
    let mut sql = tx.sql("erase::detach_readings");
    let rows = read.iter().map(|id| [id.0, UserId::anonymous(rand::random()).0]);
    let (rows, person) = (sql.integer_table(["id", "nobody"], rows), sql.bind(user));
    sql.push(format!(
        "UPDATE announcement_reading SET user_id = d.nobody FROM {rows} AS d \
         WHERE announcement_reading.announcement_id = d.id \
         AND announcement_reading.user_id = {person}"
    ));
    sql.run(&**tx).await?;
    let next = (ids.len() as i64 == MOST).then_some(last.0);
    if is_named {
        return Ok(next);
    }
    let mut sql = tx.sql("erase::written");
    let (these, person) = (sql.is_one_of("id", &ids), sql.bind(user));
    sql.push(format!(
        "SELECT id FROM announcement WHERE {these} AND author_id = {person} \
         AND position IS NOT NULL AND settled_at IS NULL"
    ));
    let written: Vec<AnnouncementId> = sql.values(&**tx).await?;
    refresh::note(tx, written.into_iter().map(Changed::Announcement)).await?;
    Ok(next)
}

/// Refreshes the items about what a person owns, of the next targets after one. Returns the last of
/// these targets, if there may be more.
pub async fn targets(tx: &Tx, user: UserId, after: i64) -> Result<Option<i64>> {
    #[derive(FromQueryResult)]
    struct Next {
        id: TargetId,
        owner_id: Option<UserId>,
    }
    let mut sql = tx.sql("erase::targets");
    let after = sql.bind(after);
    sql.push(format!(
        "SELECT id, owner_id FROM target WHERE id > {after} ORDER BY id LIMIT {MOST}"
    ));
    let next: Vec<Next> = sql.all(&**tx).await?;
    let Some(last) = next.last() else { return Ok(None) };
    let owned = next.iter().filter(|target| target.owner_id == Some(user));
    refresh::note(tx, owned.map(|target| Changed::Target(target.id))).await?;
    Ok((next.len() as i64 == MOST).then_some(last.id.0))
}

/// A part of an item that somebody has done.
#[derive(FromQueryResult)]
struct Done {
    activity: ActivityId,
    id: ItemId,
    user_id: UserId,
}

/// The newest activity.
async fn newest(tx: &Tx) -> Result<i64> {
    let mut sql = tx.sql("erase::last_activity");
    sql.push("SELECT max(id) FROM activity");
    Ok(sql.value(&**tx).await?.unwrap_or(0))
}

/// Takes away the data of what a person has done, of the next activities after one. Returns how far
/// it came, if there may be more.
pub async fn data(tx: &Tx, user: UserId, after: i64) -> Result<Option<i64>> {
    let up_to = after + MOST_ACTIVITIES;
    let mut sql = tx.sql("erase::data");
    let (from, last, user) = (sql.bind(after), sql.bind(up_to), sql.bind(user));
    let theirs = format!(
        "SELECT x.id FROM activity AS x WHERE x.id > {from} AND x.id <= {last} \
         AND x.actor_id = {user} AND x.data IS NOT NULL ORDER BY x.id LIMIT {BATCH}"
    );
    let these = sql.dialect().is_among("id", &theirs);
    sql.push(format!("UPDATE activity SET data = NULL WHERE {these}"));
    if sql.run(&**tx).await? == BATCH as u64 {
        return Ok(Some(after));
    }
    Ok((newest(tx).await? > up_to).then_some(up_to))
}

/// Refreshes the next items in which a person has done something: after an activity, and an item of
/// it. Returns how far it came, if there may be more.
pub async fn activities(
    tx: &Tx,
    user: UserId,
    (activity, item): (i64, i64),
    now: DateTime<Utc>,
) -> Result<Option<(i64, i64)>> {
    let newest = newest(tx).await?;
    let up_to = activity + MOST_ACTIVITIES;
    let mut sql = tx.sql("erase::done");
    let (from, last, person) = (sql.bind(activity), sql.bind(up_to), sql.bind(user));
    let item = sql.bind(item);
    sql.push(format!(
        "SELECT l.activity_id AS activity, i.id, i.user_id FROM activity AS a \
         JOIN inbox_item_activity AS l ON l.activity_id = a.id \
         JOIN inbox_item AS i ON i.id = l.item_id \
         WHERE a.id >= {from} AND a.id <= {last} AND a.actor_id = {person} \
         AND (l.activity_id, l.item_id) > ({from}, {item}) AND i.removed_at IS NULL \
         ORDER BY l.activity_id, l.item_id LIMIT {BATCH}"
    ));
    let done: Vec<Done> = sql.all(&**tx).await?;
    let reached = match done.last() {
        Some(last) if done.len() as i64 == BATCH => Some((last.activity.0, last.id.0)),
        _ => (newest > up_to).then_some((up_to, i64::MAX)),
    };
    let (mut items, mut owners): (Vec<_>, Vec<_>) =
        done.into_iter().map(|done| (done.id, done.user_id)).unzip();
    if !items.is_empty() {
        // An item has many activities, and a person many items.
        items.sort_unstable();
        items.dedup();
        owners.sort_unstable();
        owners.dedup();
        inbox::lock(tx, &owners).await?;
        inbox::apply(tx, &items, Change::Refresh, now).await?;
    }
    Ok(reached)
}
