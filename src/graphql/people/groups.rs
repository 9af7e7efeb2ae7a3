use ::entity::{
    group, group_member,
    id::{GroupId, UserId},
    user,
};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, Order, QueryFilter, QuerySelect, sea_query::Expr,
};

use super::users::User;
use crate::{
    auth::Actor,
    error::{Error, Result, known},
    gate::reading,
    graphql::{
        SEARCH, actor, app, auth, cost, hosts, loader,
        loaders::{GroupBy, MembersOf},
        paging::{Paged, connection, page},
    },
    id,
    people::{
        groups::{self, GroupRef},
        users::UserRef,
    },
};

/// A named set of people that messages can be addressed to.
pub struct Group(pub group::Model);

/// A named set of people that messages can be addressed to.
#[Object]
impl Group {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::encode(self.0.id).into()
    }

    /// The host application's id.
    async fn external_id(&self) -> &str {
        &self.0.external_id
    }

    /// Its display name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The number of members.
    async fn member_count(&self, ctx: &Context<'_>) -> Result<i32> {
        Ok(loader(ctx).load_one(MembersOf(self.0.id)).await?.unwrap_or(0))
    }

    /// The members. For the group's members, SERVICE and ADMIN; null for others.
    async fn members(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<User>>> {
        let page = page::<UserId>((first, after, last, before))?;
        if !self.may_see_members(ctx, actor(ctx)?).await? {
            return Ok(None);
        }
        let belongs = group_member::Entity::belongs_to(user::Entity);
        let belongs = belongs.from(group_member::Column::UserId).to(user::Column::Id).into();
        let members = user::Entity::find().join_rev(JoinType::InnerJoin, belongs);
        let members = members.filter(group_member::COLUMN.group_id.eq(self.0.id));
        let members = members.filter(group_member::COLUMN.removed_at.is_null());
        let rows = page.seek(members, [Expr::col((user::Entity, user::Column::Id))], Order::Asc);
        let rows = rows.all(app(ctx).db.read()).await?;
        Ok(Some(connection(page.slice(rows), |user| user.id, User::from)))
    }

    /// When it was created.
    async fn created_at(&self) -> chrono::DateTime<chrono::Utc> {
        self.0.created_at
    }
}

impl Group {
    /// The group with this id. Everybody may know which there are.
    pub async fn find(ctx: &Context<'_>, id: GroupId) -> Result<Option<Self>> {
        Ok(loader(ctx).load_one(GroupBy(id)).await?.map(Group))
    }

    async fn may_see_members(&self, ctx: &Context<'_>, actor: &Actor) -> Result<bool, Error> {
        let Some(user) = actor.user_id().filter(|_| !actor.is_host()) else {
            return Ok(actor.is_host());
        };
        let membership = group_member::Entity::find_by_id((self.0.id, user));
        let membership = membership.filter(group_member::COLUMN.removed_at.is_null());
        Ok(membership.one(app(ctx).db.read()).await?.is_some())
    }
}

#[derive(Default)]
pub struct GroupQuery;

#[Object]
impl GroupQuery {
    /// A group by its id or external id; null if there is none.
    async fn group(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "ref")] group: GroupRef,
    ) -> Result<Option<Group>> {
        actor(ctx)?;
        Ok(known(groups::find(app(ctx).db.read(), &group).await)?.map(Group))
    }

    /// All groups, in the order in which they were created.
    #[graphql(directive = auth::apply(hosts()))]
    async fn groups(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Words of the name or external id, or their beginnings, in any order and case; \
                    see `InboxFilter.search`. If omitted, all are listed.",
            directive = cost::apply(SEARCH)
        )]
        search: Option<String>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<Group>>> {
        actor(ctx)?.require_host()?;
        let page = page::<GroupId>((first, after, last, before))?;
        let all = group::Entity::find().filter(group::COLUMN.deleted_at.is_null());
        let slice = match search {
            Some(text) => {
                let found =
                    |app| async move { groups::found(&app, &text, &page.by_number()).await };
                reading(ctx, true, found).await?
            }
            None => {
                let rows =
                    page.seek(all, [Expr::col((group::Entity, group::Column::Id))], Order::Asc);
                page.slice(rows.all(app(ctx).db.read()).await?)
            }
        };
        Ok(Some(connection(slice, |group| group.id, Group)))
    }
}

/// A group to create or rename.
#[derive(InputObject)]
pub struct UpsertGroupInput {
    /// The host application's id, 1 to 255 bytes.
    external_id: String,
    /// 1 to 200 characters.
    name: String,
}

/// The group after the change.
#[derive(SimpleObject)]
pub struct UpsertGroupPayload {
    /// The group.
    group: Group,
}

/// Which group to delete.
#[derive(InputObject)]
pub struct DeleteGroupInput {
    /// The group.
    group: GroupRef,
}

/// The group as it was before.
#[derive(SimpleObject)]
pub struct DeleteGroupPayload {
    /// The group.
    group: Group,
}

/// People to add to a group.
#[derive(InputObject)]
pub struct AddGroupMembersInput {
    /// The group.
    group: GroupRef,
    /// 1 to 500 people.
    users: Vec<UserRef>,
}

/// The group after the change.
#[derive(SimpleObject)]
pub struct AddGroupMembersPayload {
    /// The group.
    group: Group,
}

/// People to remove from a group.
#[derive(InputObject)]
pub struct RemoveGroupMembersInput {
    /// The group.
    group: GroupRef,
    /// 1 to 500 people.
    users: Vec<UserRef>,
}

/// The group after the change.
#[derive(SimpleObject)]
pub struct RemoveGroupMembersPayload {
    /// The group.
    group: Group,
}

#[derive(Default)]
pub struct GroupMutation;

#[Object]
impl GroupMutation {
    /// Creates a group, or renames it. A deleted group is restored, without members. Idempotent.
    #[graphql(directive = auth::apply(hosts()))]
    async fn upsert_group(
        &self,
        ctx: &Context<'_>,
        input: UpsertGroupInput,
    ) -> Result<Option<UpsertGroupPayload>> {
        let group = groups::upsert(app(ctx), actor(ctx)?, input.external_id, input.name).await?;
        Ok(Some(UpsertGroupPayload { group: Group(group) }))
    }

    /// Deletes a group: nothing more can be sent to it. Messages that were sent to it stay.
    #[graphql(directive = auth::apply(hosts()))]
    async fn delete_group(
        &self,
        ctx: &Context<'_>,
        input: DeleteGroupInput,
    ) -> Result<Option<DeleteGroupPayload>> {
        let group = groups::delete(app(ctx), actor(ctx)?, &input.group).await?;
        Ok(Some(DeleteGroupPayload { group: Group(group) }))
    }

    /// Adds people to a group. They do not receive messages that were sent to it before.
    /// Idempotent.
    #[graphql(directive = auth::apply(hosts()))]
    async fn add_group_members(
        &self,
        ctx: &Context<'_>,
        input: AddGroupMembersInput,
    ) -> Result<Option<AddGroupMembersPayload>> {
        let group = groups::add_members(app(ctx), actor(ctx)?, &input.group, &input.users).await?;
        Ok(Some(AddGroupMembersPayload { group: Group(group) }))
    }

    /// Removes people from a group: nothing that is sent to it from now on reaches them, including
    /// replies. Idempotent.
    #[graphql(directive = auth::apply(hosts()))]
    async fn remove_group_members(
        &self,
        ctx: &Context<'_>,
        input: RemoveGroupMembersInput,
    ) -> Result<Option<RemoveGroupMembersPayload>> {
        let group =
            groups::remove_members(app(ctx), actor(ctx)?, &input.group, &input.users).await?;
        Ok(Some(RemoveGroupMembersPayload { group: Group(group) }))
    }
}
