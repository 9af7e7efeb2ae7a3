//! What `people` knows of somebody who is erased.

use ::entity::{
    id::{GroupId, UserId},
    user,
};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, EntityTrait};

use crate::{
    db::{Topic, Tx},
    error::Result,
    id,
    inbox::live,
    search,
};

/// Rows that one transaction deletes, or looks through.
const MOST: usize = 5_000;

/// Takes away who a person is, for good, and shuts them out. The caller has locked their row.
pub async fn take_identity(tx: &Tx, user: user::Model, now: DateTime<Utc>) -> Result<user::Model> {
    let gone = user::ActiveModel {
        id: Set(user.id),
        // The host may already have given any id that could be foreseen to somebody else.
        external_id: Set(format!("erased-{}-{:016x}", id::encode(user.id), rand::random::<u64>())),
        first_name: Set(String::new()),
        last_name: Set(String::new()),
        email: Set(None),
        avatar_url: Set(None),
        locale: Set("en".to_owned()),
        time_zone: Set("UTC".to_owned()),
        deactivated_at: Set(Some(user.deactivated_at.unwrap_or(now))),
        deactivated_by: Set(None),
        deactivation_reason: Set(None),
        erased_at: Set(Some(now)),
        ..Default::default()
    };
    let gone = user::Entity::update(gone).exec(&**tx).await?;
    search::change(tx, search::Searched::User, [(user.id.0, String::new())], now).await?;
    live::tell_within(tx, [Topic::User(user.id)]).await?;
    Ok(gone)
}

/// Deletes some idempotency keys of a person. Returns whether there may be more.
pub async fn keys(tx: &Tx, user: UserId) -> Result<bool> {
    let mut sql = tx.sql("erase::keys");
    let caller = sql.bind(format!("user:{user}"));
    sql.push(format!(
        "DELETE FROM idempotency_key WHERE (caller, key) IN (SELECT caller, key \
         FROM idempotency_key WHERE caller = {caller} ORDER BY key LIMIT {MOST})"
    ));
    Ok(sql.run(&**tx).await? == MOST as u64)
}

/// Takes a person out of the next groups after one. Returns the last of these groups, if there may
/// be more.
pub async fn memberships(tx: &Tx, user: UserId, after: i64) -> Result<Option<i64>> {
    let mut sql = tx.sql("erase::groups");
    let after = sql.bind(after);
    sql.push(format!("SELECT id FROM user_group WHERE id > {after} ORDER BY id LIMIT {MOST}"));
    let groups: Vec<GroupId> = sql.values(&**tx).await?;
    let Some(last) = groups.last() else { return Ok(None) };
    let mut sql = tx.sql("erase::memberships");
    let (these, user) = (sql.is_one_of("group_id", &groups), sql.bind(user));
    sql.push(format!("DELETE FROM group_member WHERE {these} AND user_id = {user}"));
    sql.run(&**tx).await?;
    Ok((groups.len() == MOST).then_some(last.0))
}
