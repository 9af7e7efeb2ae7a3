//! Groups and their members (M3). Leaving and deleting only mark the rows, so that what was sent
//! can still be explained.

use std::collections::HashMap;

use ::entity::{group, group_member, id::GroupId};
use async_graphql::{ID, OneofObject};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, LockType, OnConflict},
};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    auth::Actor,
    db::{Db, Sql, Tx},
    error::{Error, Result},
    id,
    page::{Page, Slice},
    people::users::{self, UserRef},
    search::{self, rows},
    text,
};

const LONGEST_NAME: usize = 200;
const LONGEST_EXTERNAL_ID: usize = 255;

/// Identifies a group by Tidings' id or by the host application's.
#[derive(OneofObject, Clone, Debug, Serialize, Deserialize)]
pub enum GroupRef {
    /// Tidings' id.
    Id(ID),
    /// The host application's id.
    ExternalId(String),
}

/// Creates or renames a group; a deleted group comes back without members.
#[tracing::instrument(level = "debug", name = "groups::upsert", skip_all, fields(actor = actor.in_log()))]
pub async fn upsert(
    app: &App,
    actor: &Actor,
    external_id: String,
    name: String,
) -> Result<group::Model> {
    actor.require_host()?;
    text::check_id("externalId", &external_id, LONGEST_EXTERNAL_ID)?;
    let name = name.trim().to_owned();
    text::check_line("name", &name, LONGEST_NAME)?;
    let tx = app.db.begin().await?;
    let before = group::Entity::find().filter(group::COLUMN.external_id.eq(&external_id));
    let before = before.lock(LockType::NoKeyUpdate).one(&*tx).await?;
    let group = group::ActiveModel {
        id: NotSet,
        external_id: Set(external_id),
        name: Set(name),
        deleted_at: Set(None),
        created_at: Set(app.clock.now()),
    };
    let newest = OnConflict::column(group::Column::ExternalId)
        .update_columns([group::Column::Name, group::Column::DeletedAt])
        .to_owned();
    let group = group::Entity::insert(group).on_conflict(newest).exec_with_returning(&*tx).await?;
    if before.is_none_or(|before| before.name != group.name) {
        let text = format!("{}\n{}", group.name, group.external_id);
        search::change(&tx, search::Searched::Group, [(group.id.0, text)], app.clock.now()).await?;
    }
    tx.commit().await?;
    Ok(group)
}

/// Deletes a group: nothing can be sent to it, and it has no members. What was sent to it stays.
#[tracing::instrument(level = "debug", name = "groups::delete", skip_all, fields(actor = actor.in_log()))]
pub async fn delete(app: &App, actor: &Actor, group: &GroupRef) -> Result<group::Model> {
    actor.require_host()?;
    let now = app.clock.now();
    let tx = app.db.begin().await?;
    let mut group = lock(&tx, group).await?;
    group.deleted_at = Some(now);
    let change =
        group::ActiveModel { id: Set(group.id), deleted_at: Set(Some(now)), ..Default::default() };
    group::Entity::update(change).exec(&*tx).await?;
    members(group.id)
        .col_expr(group_member::Column::RemovedAt, Expr::value(now))
        .exec(&*tx)
        .await?;
    tx.commit().await?;
    Ok(group)
}

/// Adds people to a group; those who already belong to it stay.
#[tracing::instrument(level = "debug", name = "groups::add_members", skip_all, fields(actor = actor.in_log()))]
pub async fn add_members(
    app: &App,
    actor: &Actor,
    group: &GroupRef,
    users: &[UserRef],
) -> Result<group::Model> {
    actor.require_host()?;
    let now = app.clock.now();
    let tx = app.db.begin().await?;
    let group = lock(&tx, group).await?;
    let users = named(&tx, users).await?;
    if users.iter().any(|user| user.erased_at.is_some()) {
        return Err(Error::Conflict("one of these users was erased".into()));
    }
    let rows = users.iter().map(|user| group_member::ActiveModel {
        group_id: Set(group.id),
        user_id: Set(user.id),
        joined_at: Set(now),
        removed_at: Set(None),
    });
    let back = OnConflict::columns([group_member::Column::GroupId, group_member::Column::UserId])
        .update_columns([group_member::Column::JoinedAt, group_member::Column::RemovedAt])
        .action_and_where(
            Expr::col((group_member::Entity, group_member::Column::RemovedAt)).is_not_null(),
        )
        .to_owned();
    group_member::Entity::insert_many(rows).on_conflict(back).exec_without_returning(&*tx).await?;
    tx.commit().await?;
    Ok(group)
}

/// Removes people from a group: from now on they receive nothing that is sent to it, replies
/// included (P11).
#[tracing::instrument(level = "debug", name = "groups::remove_members", skip_all, fields(actor = actor.in_log()))]
pub async fn remove_members(
    app: &App,
    actor: &Actor,
    group: &GroupRef,
    users: &[UserRef],
) -> Result<group::Model> {
    actor.require_host()?;
    let tx = app.db.begin().await?;
    let group = lock(&tx, group).await?;
    let users = named(&tx, users).await?;
    members(group.id)
        .filter(group_member::COLUMN.user_id.is_in(users.iter().map(|user| user.id)))
        .col_expr(group_member::Column::RemovedAt, Expr::value(app.clock.now()))
        .exec(&*tx)
        .await?;
    tx.commit().await?;
    Ok(group)
}

fn members(group: GroupId) -> sea_orm::UpdateMany<group_member::Entity> {
    let members =
        group_member::Entity::update_many().filter(group_member::COLUMN.group_id.eq(group));
    members.filter(group_member::COLUMN.removed_at.is_null())
}

async fn named(tx: &Tx, users: &[UserRef]) -> Result<Vec<::entity::user::Model>> {
    if users.is_empty() || users.len() > users::MOST {
        return Err(Error::invalid(
            "users",
            format!("must have between 1 and {} users", users::MOST),
        ));
    }
    let users: Vec<_> =
        users.iter().enumerate().map(|(index, user)| (format!("users.{index}"), user)).collect();
    let mut users = users::find_all(tx, &users).await?;
    // In a fixed order: two calls that name the same people in different orders would deadlock.
    users.sort_by_key(|user| user.id);
    Ok(users)
}

/// A page of the groups in whose name or external id words are found.
pub async fn found(app: &App, text: &str, page: &Page<i64>) -> Result<Slice<group::Model>> {
    let listed = |_: &mut Sql| "x.deleted_at IS NULL".to_owned();
    let searched = search::Searched::Group;
    let list = rows::Rows { db: &app.db, searched, page, is_descending: false, listed: &listed };
    let found = rows::ids(&app.db, searched, &list, page, text).await?;
    let groups = group::Entity::find().filter(group::COLUMN.id.is_in(found.rows.clone()));
    let groups = groups.all(app.db.read()).await?;
    let mut groups: HashMap<_, _> = groups.into_iter().map(|group| (group.id.0, group)).collect();
    Ok(found.map(|id| groups.remove(&id)))
}

/// The group that a reference names, unless it was deleted.
pub async fn find(db: &impl ConnectionTrait, group: &GroupRef) -> Result<group::Model> {
    find_among(db, group, Condition::all()).await
}

/// As [`find`], among the groups for which a condition holds.
pub async fn find_among(
    db: &impl ConnectionTrait,
    group: &GroupRef,
    condition: Condition,
) -> Result<group::Model> {
    called(group)?.filter(condition).one(db).await?.ok_or(Error::NotFound("group"))
}

/// How many members some groups have together; at most `most` of each are counted.
pub async fn count_members(db: &Db, groups: &[GroupId], most: usize) -> Result<usize> {
    if groups.is_empty() {
        return Ok(0);
    }
    let mut sql = db.sql("groups::count_members");
    let groups = sql.integer_table(["id"], groups.iter().map(|group| [group.0]));
    sql.push(format!(
        "SELECT CAST(sum((SELECT count(*) FROM (SELECT 1 FROM group_member AS m \
         WHERE m.group_id = g.id AND m.removed_at IS NULL LIMIT {most}) AS counted)) AS bigint) \
         FROM {groups} AS g"
    ));
    let count: Option<i64> = sql.value(db.read()).await?;
    Ok(count.unwrap_or_default() as usize)
}

/// The group that a reference names, locked for a change of its members: a group that is being
/// deleted must not get new ones.
async fn lock(tx: &Tx, group: &GroupRef) -> Result<group::Model> {
    called(group)?.lock(LockType::NoKeyUpdate).one(&**tx).await?.ok_or(Error::NotFound("group"))
}

fn called(group: &GroupRef) -> Result<Select<group::Entity>> {
    let query = match group {
        GroupRef::Id(id) => group::Entity::find_by_id(id::decode::<GroupId>(id)?),
        GroupRef::ExternalId(id) => group::Entity::find().filter(group::COLUMN.external_id.eq(id)),
    };
    Ok(query.filter(group::COLUMN.deleted_at.is_null()))
}
