//! Shutting people out, and letting them in again (M1).
//!
//! The host application and admins deactivate a person, with a reason if they give one; a campaign
//! deactivates those who do not reply (M12), and its message is then the cause. A person who is
//! deactivated cannot sign in, their sockets end, and nothing new is sent to them. What they sent
//! and received stays.

use ::entity::{
    id::{MessageId, UserId},
    user,
};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::users::{self, UserRef};
use crate::{
    app::App,
    auth::Actor,
    db::{Topic, Tx},
    error::{Error, Result},
    inbox::live,
    text,
};

const LONGEST_REASON: usize = 500;

/// Deactivates a person: they cannot sign in, and nothing new is sent to them. What they sent and
/// received stays. A reason replaces an earlier one of somebody who is already deactivated.
#[tracing::instrument(level = "debug", name = "deactivation::deactivate", skip_all, fields(actor = actor.in_log()))]
pub async fn deactivate(
    app: &App,
    actor: &Actor,
    user: &UserRef,
    reason: Option<String>,
) -> Result<user::Model> {
    actor.require_host()?;
    if let Some(reason) = &reason {
        text::check_line("reason", reason, LONGEST_REASON)?;
    }
    let tx = app.db.begin().await?;
    // Locked: a campaign may be deactivating them at this moment.
    let mut user = users::lock(&tx, user).await?;
    let is_new = user.deactivated_at.is_none();
    // Nothing more is kept of somebody who was erased.
    if is_new || (reason.is_some() && user.erased_at.is_none()) {
        user.deactivated_at = user.deactivated_at.or_else(|| Some(app.clock.now()));
        user.deactivation_reason = reason;
        write_deactivation(&tx, &user).await?;
    }
    tx.commit().await?;
    app.recent_users.forget_all();
    Ok(user)
}

/// Reactivates a deactivated person.
#[tracing::instrument(level = "debug", name = "deactivation::reactivate", skip_all, fields(actor = actor.in_log()))]
pub async fn reactivate(app: &App, actor: &Actor, user: &UserRef) -> Result<user::Model> {
    actor.require_host()?;
    let tx = app.db.begin().await?;
    let mut user = users::lock(&tx, user).await?;
    if user.erased_at.is_some() {
        return Err(Error::Conflict("this user was erased".into()));
    }
    if user.deactivated_at.is_some() {
        user.deactivated_at = None;
        user.deactivated_by = None;
        user.deactivation_reason = None;
        write_deactivation(&tx, &user).await?;
    }
    tx.commit().await?;
    app.recent_users.forget_all();
    Ok(user)
}

/// Writes whether a person is deactivated, and why.
async fn write_deactivation(tx: &Tx, user: &user::Model) -> Result<()> {
    let change = user::ActiveModel {
        id: Set(user.id),
        deactivated_at: Set(user.deactivated_at),
        deactivated_by: Set(user.deactivated_by),
        deactivation_reason: Set(user.deactivation_reason.clone()),
        ..Default::default()
    };
    user::Entity::update(change).exec(&**tx).await?;
    live::tell_within(tx, [Topic::User(user.id)]).await?;
    // What they have planned may be sent again.
    tx.concerns([Topic::Jobs]);
    Ok(())
}

/// Deactivates people who have not replied to a message (M12), except those already deactivated.
/// Call `RecentUsers::forget_all` after the commit.
pub async fn shut_out(
    tx: &Tx,
    people: &[UserId],
    message: MessageId,
    now: DateTime<Utc>,
) -> Result<u64> {
    // In the order of `users::write`: two different orders would deadlock.
    let mut sql = tx.sql("deactivation::lock");
    let (these, for_update) = (sql.is_one_of("id", people), sql.dialect().for_update());
    sql.push(format!(
        "SELECT id FROM user_account WHERE {these} ORDER BY external_id {for_update}"
    ));
    sql.rows(&**tx).await?;
    let mut sql = tx.sql("deactivation::shut_out");
    let (these, now, message) = (sql.is_one_of("id", people), sql.bind(now), sql.bind(message));
    sql.push(format!(
        "UPDATE user_account SET deactivated_at = {now}, deactivated_by = {message}, \
         deactivation_reason = NULL \
         WHERE {these} AND deactivated_at IS NULL"
    ));
    let count = sql.run(&**tx).await?;
    live::tell_within(tx, people.iter().map(|person| Topic::User(*person))).await?;
    Ok(count)
}

/// Refuses an actor whose user was deactivated since they signed in.
pub async fn check_active(app: &App, actor: &Actor) -> Result<()> {
    let Some(id) = actor.user_id() else { return Ok(()) };
    let ids: Vec<_> = [id].into_iter().chain(actor.behind).collect();
    let users = user::Entity::find().filter(user::COLUMN.id.is_in(ids.clone()));
    let users = users.all(app.db.read()).await?;
    users.iter().try_for_each(admit)?;
    if users.len() == ids.len() { Ok(()) } else { Err(DEACTIVATED) }
}

/// Refuses a person who is deactivated.
pub fn admit(user: &user::Model) -> Result<()> {
    match user.deactivated_at {
        Some(_) => Err(Error::Deactivated { for_silence: user.deactivated_by.is_some() }),
        None => Ok(()),
    }
}

pub const DEACTIVATED: Error = Error::Deactivated { for_silence: false };
