use std::sync::Arc;

use ::entity::{group, group_member, subscription, target, user};
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use sea_orm::{
    Condition, EntityTrait, JoinType, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::Expr,
};

use super::groups::Group;
use crate::{
    auth::Role,
    error::Error,
    gate::reading,
    graphql::{
        SEARCH, actor, app, auth, cost, hosts,
        inbox::Inbox,
        loader,
        loaders::VisibleMessage,
        messages::{
            message::Message,
            reminders::{Deactivation, DeactivationReason},
        },
        notifications::subscriptions::{
            SubscriptionConfig, SubscriptionFilter, TargetSubscription,
        },
        paging::{Paged, connection, page},
    },
    id::Kind,
    notifications::subscriptions::Following,
    people::users::{self, UserInput, UserRef},
    search::{self, About},
};

/// A person.
#[derive(Clone)]
pub struct User(pub Arc<user::Model>);

impl From<user::Model> for User {
    fn from(user: user::Model) -> Self {
        User(Arc::new(user))
    }
}

/// A person.
#[Object]
impl User {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::User.encode(self.0.id).into()
    }

    /// The host application's id.
    async fn external_id(&self) -> &str {
        &self.0.external_id
    }

    /// Empty when the host has not told it.
    async fn first_name(&self) -> &str {
        &self.0.first_name
    }

    /// Empty when the host has not told it.
    async fn last_name(&self) -> &str {
        &self.0.last_name
    }

    /// First and last name; the external id of somebody of whom nothing else is known.
    async fn name(&self) -> String {
        self.0.name()
    }

    /// A picture.
    async fn avatar_url(&self) -> Option<&str> {
        self.0.avatar_url.as_deref()
    }

    /// For the person themself, SERVICE and ADMIN; null for others.
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.private(ctx)?.and_then(|user| user.email.as_deref()))
    }

    /// A BCP 47 language tag. For the person themself, SERVICE and ADMIN; null for others.
    async fn locale(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.private(ctx)?.map(|user| user.locale.as_str()))
    }

    /// A name of the IANA time zone database. For the person themself, SERVICE and ADMIN; null for others.
    async fn time_zone(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.private(ctx)?.map(|user| user.time_zone.as_str()))
    }

    /// Since when this person cannot come in and gets nothing; null for who is active.
    async fn deactivated_at(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        self.0.deactivated_at
    }

    /// Why this person cannot come in; null for who is active. For the person themself, SERVICE and ADMIN; null for others.
    async fn deactivation(&self, ctx: &Context<'_>) -> Result<Option<Deactivation>> {
        let Some(user) = self.private(ctx)? else { return Ok(None) };
        let Some(at) = user.deactivated_at else { return Ok(None) };
        let Some(message) = user.deactivated_by else {
            return Ok(Some(Deactivation { at, reason: DeactivationReason::Host, message: None }));
        };
        let message = loader(ctx).load_one(VisibleMessage(actor(ctx)?.reader(), message)).await?;
        Ok(Some(Deactivation {
            at,
            reason: DeactivationReason::NoReply,
            message: message.map(Message::from),
        }))
    }

    /// When they became known.
    async fn created_at(&self) -> chrono::DateTime<chrono::Utc> {
        self.0.created_at
    }

    /// What has come in. For the person themself, SERVICE and ADMIN; null for others.
    async fn inbox(&self, ctx: &Context<'_>) -> Result<Option<Inbox>> {
        match self.private(ctx)? {
            None => Ok(None),
            Some(_) => Ok(Some(Inbox::of(ctx, self.clone()).await?)),
        }
    }

    /// The groups that they belong to, in the order in which these were made. For the person themself, SERVICE and ADMIN;
    /// null for others.
    async fn groups(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<Group>>> {
        let page = page::<i64>((first, after, last, before))?;
        if self.private(ctx)?.is_none() {
            return Ok(None);
        }
        let own = group::Entity::find()
            .join_rev(
                JoinType::InnerJoin,
                group_member::Entity::belongs_to(group::Entity)
                    .from(group_member::Column::GroupId)
                    .to(group::Column::Id)
                    .into(),
            )
            .filter(group_member::COLUMN.user_id.eq(self.0.id))
            .filter(group_member::COLUMN.removed_at.is_null());
        let rows = page.seek(own, [Expr::col((group::Entity, group::Column::Id))], Order::Asc);
        let rows = rows.all(app(ctx).db.read()).await.map_err(|error| Error::database(error))?;
        Ok(Some(connection(page.slice(rows), |group| group.id, Group)))
    }

    /// What they follow, by target, in the order in which the targets became known. For the person themself, SERVICE and ADMIN;
    /// null for others.
    async fn subscriptions(
        &self,
        ctx: &Context<'_>,
        filter: Option<SubscriptionFilter>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<TargetSubscription>>> {
        let page = page::<i64>((first, after, last, before))?;
        if self.private(ctx)?.is_none() {
            return Ok(None);
        }
        let SubscriptionFilter { target, target_type, reason } = filter.unwrap_or_default();
        let followed = || {
            let rows =
                subscription::Entity::find().filter(subscription::COLUMN.user_id.eq(self.0.id));
            rows.filter(subscription::COLUMN.until.is_null())
        };
        let wanted = Condition::all()
            .add_option(reason.map(|reason| subscription::COLUMN.reason.eq(reason)));
        let these = followed()
            .filter(wanted)
            .select_only()
            .column(subscription::Column::TargetId)
            .into_query();
        let called = target.map(|target| target::is_called(&target.kind, &target.external_id));
        let targets = target::Entity::find()
            .filter(target::COLUMN.id.in_subquery(these))
            .filter(
                Condition::all().add_option(target_type.map(|kind| target::COLUMN.r#type.eq(kind))),
            )
            .filter(Condition::all().add_option(called));
        let targets =
            page.seek(targets, [Expr::col((target::Entity, target::Column::Id))], Order::Asc);
        let targets = page
            .slice(targets.all(app(ctx).db.read()).await.map_err(|error| Error::database(error))?);
        let ids = targets.rows.iter().map(|target| target.id);
        let rows = followed()
            .filter(subscription::COLUMN.target_id.is_in(ids))
            .order_by_asc(subscription::Column::Id);
        let rows = rows.all(app(ctx).db.read()).await.map_err(|error| Error::database(error))?;
        // One whose last reason has ended between the two statements is left out.
        let following = targets.map(|target| {
            let rows = rows.iter().filter(|row| row.target_id == target.id).cloned().collect();
            Following::of(target, rows)
        });
        Ok(Some(connection(following, |following| following.target.id, TargetSubscription)))
    }

    /// What they want to hear of, of what they follow. For the person themself, SERVICE and ADMIN; null for others.
    async fn subscription_config(&self, ctx: &Context<'_>) -> Result<Option<SubscriptionConfig>> {
        match self.private(ctx)? {
            Some(user) => Ok(Some(SubscriptionConfig::of(app(ctx), user.id).await?)),
            None => Ok(None),
        }
    }
}

impl User {
    /// The row, for a caller who may see what is private in it.
    fn private(&self, ctx: &Context<'_>) -> Result<Option<&user::Model>> {
        Ok(actor(ctx)?.may_see_private(self.0.id).then_some(&*self.0))
    }
}

#[derive(Default)]
pub struct UserQuery;

#[Object]
impl UserQuery {
    /// Who the caller is, or for whom they act; null for a service that acts for nobody, and without a token.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<User> {
        actor(ctx).ok().and_then(|actor| actor.user.clone()).map(User)
    }

    /// What the caller's token lets them do.
    async fn viewer_role(&self, ctx: &Context<'_>) -> Result<Role> {
        Ok(actor(ctx)?.role)
    }

    /// A person by their id or external id; null when there is none.
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "ref")] user: UserRef,
    ) -> Result<Option<User>> {
        actor(ctx)?;
        match users::find(app(ctx).db.read(), &user).await {
            Ok(user) => Ok(Some(user.into())),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Everybody, in the order in which they became known. `search` is a part of a name or external id, in any case.
    #[graphql(directive = auth::apply(hosts()))]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(directive = cost::apply(SEARCH))] search: Option<String>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<User>>> {
        actor(ctx)?.require_host()?;
        let page = page::<i64>((first, after, last, before))?;
        let mut users = user::Entity::find();
        let is_search = search.is_some();
        if let Some(search) = search {
            let term = search::term("search", &search)?;
            users = users.filter(search::filter(app(ctx).db.dialect(), About::User, &term));
        }
        let rows = page.seek(users, [Expr::col((user::Entity, user::Column::Id))], Order::Asc);
        let rows =
            reading(ctx, is_search, move |app| async move { Ok(rows.all(app.db.read()).await?) })
                .await?;
        Ok(Some(connection(page.slice(rows), |user| user.id, User::from)))
    }
}

/// People to make known, or to change.
#[derive(InputObject)]
pub struct UpsertUsersInput {
    /// 1 to 500 people, each once.
    users: Vec<UserInput>,
}

/// The people as they are now.
#[derive(SimpleObject)]
pub struct UpsertUsersPayload {
    /// In the order of the input.
    users: Vec<User>,
}

/// Who is meant.
#[derive(InputObject)]
pub struct DeactivateUserInput {
    /// The person.
    user: UserRef,
}

/// The person as they are now.
#[derive(SimpleObject)]
pub struct DeactivateUserPayload {
    /// The person.
    user: User,
}

/// Who is meant.
#[derive(InputObject)]
pub struct ReactivateUserInput {
    /// The person.
    user: UserRef,
}

/// The person as they are now.
#[derive(SimpleObject)]
pub struct ReactivateUserPayload {
    /// The person.
    user: User,
}

#[derive(Default)]
pub struct UserMutation;

#[Object]
impl UserMutation {
    /// Makes people known, or changes what is known of them; all or none. Can be repeated.
    #[graphql(directive = auth::apply(hosts()))]
    async fn upsert_users(
        &self,
        ctx: &Context<'_>,
        input: UpsertUsersInput,
    ) -> Result<Option<UpsertUsersPayload>> {
        let users = users::upsert(app(ctx), actor(ctx)?, input.users).await?;
        Ok(Some(UpsertUsersPayload { users: users.into_iter().map(User::from).collect() }))
    }

    /// Shuts a person out: their tokens stop working and nothing new is sent to them. What they sent and got stays.
    #[graphql(directive = auth::apply(hosts()))]
    async fn deactivate_user(
        &self,
        ctx: &Context<'_>,
        input: DeactivateUserInput,
    ) -> Result<Option<DeactivateUserPayload>> {
        Ok(Some(DeactivateUserPayload {
            user: users::deactivate(app(ctx), actor(ctx)?, &input.user).await?.into(),
        }))
    }

    /// Lets a deactivated person in again.
    #[graphql(directive = auth::apply(hosts()))]
    async fn reactivate_user(
        &self,
        ctx: &Context<'_>,
        input: ReactivateUserInput,
    ) -> Result<Option<ReactivateUserPayload>> {
        Ok(Some(ReactivateUserPayload {
            user: users::reactivate(app(ctx), actor(ctx)?, &input.user).await?.into(),
        }))
    }
}
