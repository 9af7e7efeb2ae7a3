//! People and groups.

use std::collections::HashMap;

use ::entity::{
    group, group_member,
    id::{GroupId, UserId},
    user,
};
use async_graphql::dataloader::Loader;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::Loaders;
use crate::error::{Error, Result};

/// A person.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserBy(pub UserId);

impl Loader<UserBy> for Loaders {
    type Value = user::Model;
    type Error = Error;

    async fn load(&self, keys: &[UserBy]) -> Result<HashMap<UserBy, user::Model>> {
        let users =
            user::Entity::find().filter(user::COLUMN.id.is_in(keys.iter().map(|key| key.0)));
        Ok(users
            .all(self.0.db.read())
            .await?
            .into_iter()
            .map(|user| (UserBy(user.id), user))
            .collect())
    }
}

/// A group that has not been deleted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct GroupBy(pub GroupId);

impl Loader<GroupBy> for Loaders {
    type Value = group::Model;
    type Error = Error;

    async fn load(&self, keys: &[GroupBy]) -> Result<HashMap<GroupBy, group::Model>> {
        let groups =
            group::Entity::find().filter(group::COLUMN.id.is_in(keys.iter().map(|key| key.0)));
        let groups =
            groups.filter(group::COLUMN.deleted_at.is_null()).all(self.0.db.read()).await?;
        Ok(groups.into_iter().map(|group| (GroupBy(group.id), group)).collect())
    }
}

/// How many members a group has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MembersOf(pub GroupId);

impl Loader<MembersOf> for Loaders {
    type Value = i32;
    type Error = Error;

    async fn load(&self, keys: &[MembersOf]) -> Result<HashMap<MembersOf, i32>> {
        let counts = group_member::Entity::find()
            .filter(group_member::COLUMN.group_id.is_in(keys.iter().map(|key| key.0)))
            .filter(group_member::COLUMN.removed_at.is_null())
            .select_only()
            .column(group_member::Column::GroupId)
            .column_as(group_member::Column::UserId.count(), "members")
            .group_by(group_member::Column::GroupId);
        let counts: Vec<(GroupId, i64)> = counts.into_tuple().all(self.0.db.read()).await?;
        Ok(counts.into_iter().map(|(group, members)| (MembersOf(group), members as i32)).collect())
    }
}
