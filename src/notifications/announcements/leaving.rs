//! How an announcement leaves the inboxes: it was retracted, or has expired. First it is withdrawn,
//! so that nobody takes it in any more, then it is removed in batches, and then it is settled.

use ::entity::{
    announcement,
    id::{AnnouncementId, UserId},
};
use async_graphql::ID;
use chrono::{DateTime, Utc};
use sea_orm::{EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::{Announced, find};
use crate::{
    app::App,
    auth::Actor,
    db::Topic,
    error::Result,
    id,
    inbox::{self, About},
};

/// Retracts an announcement: it leaves all inboxes, and nobody new gets it. Idempotent.
#[tracing::instrument(level = "debug", name = "announcements::retract", skip_all, fields(actor = actor.in_log()))]
pub async fn retract(app: &App, actor: &Actor, id: &ID) -> Result<Announced> {
    actor.require_host()?;
    let id: AnnouncementId = id::decode(id)?;
    let (announcement, _) = find(app, actor, id).await?;
    if announcement.retracted_at.is_none() {
        let tx = app.db.begin().await?;
        tx.withdrawing().await?;
        let mut sql = tx.sql("announcements::retract");
        let (this, now) = (sql.bind(id), sql.bind(app.clock.now()));
        sql.push(format!(
            "UPDATE announcement SET retracted_at = {now}, \
             withdrawn_at = coalesce(withdrawn_at, {now}) \
             WHERE id = {this} AND retracted_at IS NULL"
        ));
        sql.run(&*tx).await?;
        tx.concerns([Topic::Jobs]);
        tx.commit().await?;
    }
    leave_soon(app, id).await?;
    find(app, actor, id).await
}

/// From now on nobody takes in an announcement that has expired. Idempotent.
async fn withdraw(app: &App, id: AnnouncementId) -> Result<()> {
    let tx = app.db.begin().await?;
    tx.withdrawing().await?;
    let mut sql = tx.sql("announcements::withdraw");
    let (id, now) = (sql.bind(id), sql.bind(app.clock.now()));
    sql.push(format!(
        "UPDATE announcement SET withdrawn_at = {now} \
         WHERE id = {id} AND withdrawn_at IS NULL AND expires_at <= {now}"
    ));
    sql.run(&*tx).await?;
    tx.concerns([Topic::Jobs]);
    tx.commit().await
}

/// Withdraws an announcement that has expired, and removes it from the first inboxes.
pub async fn withdraw_and_leave(app: &App, id: AnnouncementId) -> Result<()> {
    withdraw(app, id).await?;
    leave_soon(app, id).await
}

/// Removes a withdrawn announcement from the first inboxes, usually all of them; the job does
/// the rest. Nobody waits for a million inboxes.
async fn leave_soon(app: &App, id: AnnouncementId) -> Result<()> {
    if remove_some(app, id, UserId(0)).await?.is_none() {
        return settle(app, id).await;
    }
    app.live.hint(Topic::Jobs);
    Ok(())
}

/// Removes an announcement from the inboxes of the next people after a user. Returns the last of
/// them; None if there was nobody.
async fn remove_some(app: &App, id: AnnouncementId, after: UserId) -> Result<Option<UserId>> {
    let tx = app.db.begin().await?;
    let last = inbox::remove(&tx, About::Announcement(id), after, app.clock.now()).await?;
    tx.commit().await?;
    Ok(last)
}

/// Withdraws an announcement that has expired, and removes it from all inboxes; stops halfway when
/// the server stops, and another server continues. Idempotent.
pub async fn leave(app: &App, id: AnnouncementId) -> Result<()> {
    withdraw(app, id).await?;
    let mut after = UserId(0);
    while let Some(last) = remove_some(app, id, after).await? {
        if app.shutdown.is_cancelled() {
            return Ok(());
        }
        after = last;
    }
    settle(app, id).await
}

async fn settle(app: &App, id: AnnouncementId) -> Result<()> {
    let tx = app.db.begin().await?;
    let mut sql = tx.sql("announcements::settle");
    let (id, now) = (sql.bind(id), sql.bind(app.clock.now()));
    sql.push(format!(
        "UPDATE announcement SET settled_at = {now} \
         WHERE id = {id} AND withdrawn_at IS NOT NULL AND settled_at IS NULL"
    ));
    sql.run(&*tx).await?;
    tx.commit().await
}

/// Announcements that have not left the inboxes for good.
fn unsettled() -> Select<announcement::Entity> {
    announcement::Entity::find().filter(announcement::COLUMN.settled_at.is_null()).select_only()
}

/// When the next announcement leaves the inboxes.
pub async fn next_expiry(app: &App) -> Result<Option<DateTime<Utc>>> {
    let withdrawn = unsettled()
        .column(announcement::Column::Id)
        .filter(announcement::COLUMN.withdrawn_at.is_not_null());
    let withdrawn: Option<AnnouncementId> = withdrawn.into_tuple().one(app.db.read()).await?;
    if withdrawn.is_some() {
        return Ok(Some(app.clock.now()));
    }
    let expiry = unsettled().column(announcement::Column::ExpiresAt);
    let expiry = expiry.filter(announcement::COLUMN.expires_at.is_not_null());
    Ok(expiry.order_by_asc(announcement::Column::ExpiresAt).into_tuple().one(app.db.read()).await?)
}

/// The announcements that leave the inboxes now: they have expired, or a crash has kept them there.
/// At most `limit` of each.
pub async fn leaving(app: &App, limit: u64) -> Result<Vec<AnnouncementId>> {
    let unsettled = unsettled().column(announcement::Column::Id);
    let withdrawn = unsettled.clone().filter(announcement::COLUMN.withdrawn_at.is_not_null());
    let expired = unsettled.filter(announcement::COLUMN.withdrawn_at.is_null());
    let expired = expired.filter(announcement::COLUMN.expires_at.lte(app.clock.now()));
    let mut leaving = Vec::new();
    for due in [withdrawn, expired] {
        leaving.extend(due.limit(limit).into_tuple::<AnnouncementId>().all(app.db.read()).await?);
    }
    Ok(leaving)
}
