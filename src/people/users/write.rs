//! Writes the rows of people, with the index of their names, and gives new ones an inbox.

use std::collections::{HashMap, HashSet};

use ::entity::user;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockType, OnConflict},
};

use super::UserInput;
use crate::{
    app::App,
    db::Tx,
    error::{Error, Result},
    search,
};

/// Writes people and, for new ones, their inboxes.
pub async fn write(tx: &Tx, app: &App, users: Vec<UserInput>) -> Result<Vec<user::Model>> {
    let place: HashMap<_, _> =
        users.iter().enumerate().map(|(n, user)| (user.external_id.clone(), n)).collect();
    // Those who are known need no insert, which would use up an id.
    let named = user::Entity::find().filter(user::COLUMN.external_id.is_in(place.keys().cloned()));
    let before = named.clone().select_only().column(user::Column::ExternalId);
    let before: Vec<String> = before.into_tuple().all(&**tx).await?;
    let before: HashSet<_> = before.into_iter().collect();
    // In a fixed order: two calls that name the same people in different orders would deadlock.
    let mut sorted: Vec<_> =
        users.iter().filter(|user| !before.contains(&user.external_id)).collect();
    sorted.sort_by(|one, other| one.external_id.cmp(&other.external_id));
    let now = app.clock.now();
    let rows: Vec<_> = sorted.into_iter().map(|user| new_row(user, now)).collect();
    if !rows.is_empty() {
        // Waits for anyone who is creating one of them at this moment.
        let once = OnConflict::column(user::Column::ExternalId).do_nothing().to_owned();
        user::Entity::insert_many(rows).on_conflict(once).exec_without_returning(&**tx).await?;
    }
    // From here on nobody else changes them: omitted fields stay as they are now, not as they were
    // before a lock.
    let locked = named.order_by_asc(user::Column::ExternalId).lock(LockType::NoKeyUpdate);
    let mut changed = Vec::new();
    let mut known = locked.all(&**tx).await?;
    if known.len() < place.len() {
        return Err(Error::Unavailable("one of these users is being erased".into()));
    }
    if known.iter().any(|user| user.erased_at.is_some()) {
        return Err(Error::Conflict("one of these users was erased".into()));
    }
    known.sort_by_key(|user| place.get(&user.external_id));
    let text =
        |user: &user::Model| [&*user.first_name, &*user.last_name, &*user.external_id].join("\n");
    let (mut texts, mut new_texts) = (Vec::new(), Vec::new());
    for (old, new) in known.iter_mut().zip(users) {
        let user = changed_by(old, new);
        if text(&user) != text(&*old) {
            texts.push((user.id.0, text(&user)));
        } else if !before.contains(&user.external_id) {
            new_texts.push((user.id.0, text(&user)));
        }
        if user != *old {
            changed.push(user.clone().into_active_model());
            *old = user;
        }
    }
    if !changed.is_empty() {
        use user::Column::{AvatarUrl, Email, FirstName, Id, LastName, Locale, TimeZone};
        let newest = OnConflict::column(Id)
            .update_columns([FirstName, LastName, Email, AvatarUrl, Locale, TimeZone])
            .to_owned();
        user::Entity::insert_many(changed)
            .on_conflict(newest)
            .exec_without_returning(&**tx)
            .await?;
    }
    search::add(tx, search::Searched::User, new_texts).await?;
    search::change(tx, search::Searched::User, texts, app.clock.now()).await?;
    give_inboxes(tx, &known).await?;
    Ok(known)
}

/// Writes the inboxes of those who have none yet. What was announced and done before somebody
/// became known is not for them (N7).
async fn give_inboxes(tx: &Tx, users: &[user::Model]) -> Result<()> {
    let mut sql = tx.sql("users::insert_inboxes");
    let people = sql.integer_table(["id"], users.iter().map(|user| [user.id.0]));
    sql.push(format!(
        "INSERT INTO inbox (user_id, announcements_since, announcements_pulled, activities_pulled) \
         SELECT u.id, h.announcement, h.announcement, h.activity FROM {people} AS u, \
         (SELECT (SELECT coalesce(max(position), 0) FROM announcement) AS announcement, \
         (SELECT coalesce(max(id), 0) FROM activity) AS activity) AS h \
         WHERE true ON CONFLICT (user_id) DO NOTHING"
    ));
    sql.run(&**tx).await.map(drop)
}

/// The row of a person whom nobody knows yet.
fn new_row(new: &UserInput, now: DateTime<Utc>) -> user::ActiveModel {
    user::ActiveModel {
        id: NotSet,
        external_id: Set(new.external_id.clone()),
        first_name: Set(new.first_name.clone().unwrap_or_default()),
        last_name: Set(new.last_name.clone().unwrap_or_default()),
        email: Set(new.email.clone()),
        avatar_url: Set(new.avatar_url.clone()),
        locale: Set(new.locale.clone().unwrap_or_else(|| "en".to_owned())),
        time_zone: Set(new.time_zone.clone().unwrap_or_else(|| "UTC".to_owned())),
        deactivated_at: NotSet,
        deactivated_by: NotSet,
        deactivation_reason: NotSet,
        created_at: Set(now),
        erased_at: NotSet,
    }
}

/// A person, updated with what the host says about them now.
fn changed_by(old: &user::Model, new: UserInput) -> user::Model {
    let old = old.clone();
    user::Model {
        first_name: new.first_name.unwrap_or(old.first_name),
        last_name: new.last_name.unwrap_or(old.last_name),
        email: new.email.or(old.email),
        avatar_url: new.avatar_url.or(old.avatar_url),
        locale: new.locale.unwrap_or(old.locale),
        time_zone: new.time_zone.unwrap_or(old.time_zone),
        ..old
    }
}
