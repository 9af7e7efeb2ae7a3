use std::sync::Arc;

use ::entity::{
    group, group_member,
    id::{GroupId, TargetId, UserId},
    subscription, target, user,
};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, JoinType, Order, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, sea_query::Expr,
};

use super::groups::Group;
use crate::{
    auth::Role,
    erasure,
    error::{Result, known},
    gate::reading,
    graphql::{
        SEARCH, actor, app, auth, cost, hosts,
        inbox::Inbox,
        loader,
        loaders::UserBy,
        messages::{
            message::Message,
            reminders::{Deactivation, DeactivationReason},
        },
        notifications::subscriptions::{
            SubscriptionConfig, SubscriptionFilter, TargetSubscription,
        },
        paging::{Paged, connection, page},
    },
    id,
    notifications::subscriptions::Following,
    people::{
        deactivation,
        users::{self, UserInput, UserRef, UserState},
    },
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
#[Object(serial)]
impl User {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::encode(self.0.id).into()
    }

    /// The host application's id.
    async fn external_id(&self) -> &str {
        &self.0.external_id
    }

    /// Empty if the host has not given it.
    async fn first_name(&self) -> &str {
        &self.0.first_name
    }

    /// Empty if the host has not given it.
    async fn last_name(&self) -> &str {
        &self.0.last_name
    }

    /// First and last name; the external id if neither is known. “Somebody who left” for somebody
    /// who was erased.
    async fn name(&self) -> String {
        self.0.name()
    }

    /// The URL of a picture.
    async fn avatar_url(&self) -> Option<&str> {
        self.0.avatar_url.as_deref()
    }

    /// E-mail address. For the person themself, SERVICE and ADMIN; null for others.
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.private(ctx)?.and_then(|user| user.email.as_deref()))
    }

    /// A BCP 47 language tag. For the person themself, SERVICE and ADMIN; null for others.
    async fn locale(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.private(ctx)?.map(|user| user.locale.as_str()))
    }

    /// A name from the IANA time zone database. For the person themself, SERVICE and ADMIN;
    /// null for others.
    async fn time_zone(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.private(ctx)?.map(|user| user.time_zone.as_str()))
    }

    /// When this person was deactivated: since then they are shut out and receive nothing. Null for
    /// active people.
    async fn deactivated_at(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        self.0.deactivated_at
    }

    /// When this person was erased: nothing is known of them any more. Null for all others.
    async fn erased_at(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        self.0.erased_at
    }

    /// Why this person is shut out; null if they are active. For the person themself, SERVICE and
    /// ADMIN; null for others.
    pub async fn deactivation(&self, ctx: &Context<'_>) -> Result<Option<Deactivation>> {
        let Some(user) = self.private(ctx)? else { return Ok(None) };
        let Some(at) = user.deactivated_at else { return Ok(None) };
        let actor = actor(ctx)?;
        let detail = user.deactivation_reason.clone().filter(|_| actor.is_host());
        let Some(message) = user.deactivated_by else {
            let reason = DeactivationReason::Host;
            return Ok(Some(Deactivation { user: user.id, at, reason, detail, message: None }));
        };
        let message = Message::find(ctx, message).await?;
        Ok(Some(Deactivation {
            user: user.id,
            at,
            reason: DeactivationReason::NoReply,
            detail,
            message,
        }))
    }

    /// When Tidings first heard of them.
    async fn created_at(&self) -> chrono::DateTime<chrono::Utc> {
        self.0.created_at
    }

    /// Their inbox. For the person themself, SERVICE and ADMIN; null for others, and if the person
    /// was erased.
    async fn inbox(&self, ctx: &Context<'_>) -> Result<Option<Inbox>> {
        match self.private(ctx)? {
            None => Ok(None),
            Some(user) if user.erased_at.is_some() => Ok(None),
            Some(_) => Ok(Some(Inbox::of(ctx, self.clone()).await?)),
        }
    }

    /// The groups that they belong to, in the order in which the groups were created. For the
    /// person themself, SERVICE and ADMIN; null for others.
    async fn groups(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<Group>>> {
        let page = page::<GroupId>((first, after, last, before))?;
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
        let rows = rows.all(app(ctx).db.read()).await?;
        Ok(Some(connection(page.slice(rows), |group| group.id, Group)))
    }

    /// What they follow: one subscription for each target, in the order in which the targets became
    /// known. For the person themself, SERVICE and ADMIN; null for others.
    async fn subscriptions(
        &self,
        ctx: &Context<'_>,
        filter: Option<SubscriptionFilter>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<TargetSubscription>>> {
        let page = page::<TargetId>((first, after, last, before))?;
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
        let named = target.map(|target| target.named("filter.target")).transpose()?;
        let targets = target::Entity::find()
            .filter(target::COLUMN.id.in_subquery(these))
            .filter(
                Condition::all().add_option(target_type.map(|kind| target::COLUMN.r#type.eq(kind))),
            )
            .filter(Condition::all().add_option(named.map(|named| named.condition())));
        let targets =
            page.seek(targets, [Expr::col((target::Entity, target::Column::Id))], Order::Asc);
        let targets = page.slice(targets.all(app(ctx).db.read()).await?);
        let ids = targets.rows.iter().map(|target| target.id);
        let rows = followed()
            .filter(subscription::COLUMN.target_id.is_in(ids))
            .order_by_asc(subscription::Column::Id);
        let rows = rows.all(app(ctx).db.read()).await?;
        // A target whose last reason ended between the two statements is left out.
        let following = targets.map(|target| {
            let rows = rows.iter().filter(|row| row.target_id == target.id).cloned().collect();
            Following::of(target, rows)
        });
        Ok(Some(connection(following, |following| following.target.id, TargetSubscription)))
    }

    /// Which actions they want to hear of on the targets that they follow. For the person themself,
    /// SERVICE and ADMIN; null for others.
    async fn subscription_config(&self, ctx: &Context<'_>) -> Result<Option<SubscriptionConfig>> {
        match self.private(ctx)? {
            Some(user) => Ok(Some(SubscriptionConfig::of(app(ctx), user.id).await?)),
            None => Ok(None),
        }
    }
}

impl User {
    /// The person with this id. Everybody may know who there is.
    pub async fn find(ctx: &Context<'_>, id: UserId) -> Result<Option<Self>> {
        Ok(loader(ctx).load_one(UserBy(id)).await?.map(User::from))
    }

    /// The row, if the caller may see its private fields.
    fn private(&self, ctx: &Context<'_>) -> Result<Option<&user::Model>> {
        Ok(actor(ctx)?.may_see_private(self.0.id).then_some(&*self.0))
    }
}

#[derive(Default)]
pub struct UserQuery;

#[Object]
impl UserQuery {
    /// The caller, or the person they act for; null for a service that acts for nobody, and without
    /// a token.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<User> {
        actor(ctx).ok().and_then(|actor| actor.user.clone()).map(User)
    }

    /// The role of the caller's token.
    async fn viewer_role(&self, ctx: &Context<'_>) -> Result<Option<Role>> {
        Ok(Some(actor(ctx)?.role))
    }

    /// A person by their id or external id; null if there is none.
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "ref")] user: UserRef,
    ) -> Result<Option<User>> {
        actor(ctx)?;
        Ok(known(users::find(app(ctx).db.read(), &user).await)?.map(User::from))
    }

    /// Everybody, in the order in which they became known.
    #[graphql(directive = auth::apply(hosts()))]
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the field")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Words of the name or external id, or their beginnings, in any order and case; \
                    see `InboxFilter.search`. If omitted, everybody is listed.",
            directive = cost::apply(SEARCH)
        )]
        search: Option<String>,
        #[graphql(desc = "Only people in this state. If omitted, everybody is listed.")]
        state: Option<UserState>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<User>>> {
        actor(ctx)?.require_host()?;
        let page = page::<UserId>((first, after, last, before))?;
        let mut all = user::Entity::find();
        if let Some(state) = state {
            all = all.filter(Expr::cust(state.is_of("user_account")));
        }
        let slice = match search {
            Some(text) => {
                let found = move |app| async move {
                    users::found(&app, state, &text, &page.by_number()).await
                };
                reading(ctx, true, found).await?
            }
            None => {
                let rows =
                    page.seek(all, [Expr::col((user::Entity, user::Column::Id))], Order::Asc);
                page.slice(rows.all(app(ctx).db.read()).await?)
            }
        };
        Ok(Some(connection(slice, |user| user.id, User::from)))
    }
}

/// People to create or change.
#[derive(InputObject)]
pub struct UpsertUsersInput {
    /// 1 to 500 people, each at most once.
    users: Vec<UserInput>,
}

/// The people after the change.
#[derive(SimpleObject)]
pub struct UpsertUsersPayload {
    /// In the order of the input.
    users: Vec<User>,
}

/// Which person, and why.
#[derive(InputObject)]
pub struct DeactivateUserInput {
    /// The person.
    user: UserRef,
    /// Why, for SERVICE and ADMIN to read: `Deactivation.detail`. One line of 1 to 500 characters.
    /// For somebody who is already deactivated it replaces the reason given before; if omitted, that
    /// stays.
    reason: Option<String>,
}

/// The person after the change.
#[derive(SimpleObject)]
pub struct DeactivateUserPayload {
    /// The person.
    user: User,
}

/// Which person.
#[derive(InputObject)]
pub struct ReactivateUserInput {
    /// The person.
    user: UserRef,
}

/// The person after the change.
#[derive(SimpleObject)]
pub struct ReactivateUserPayload {
    /// The person.
    user: User,
}

/// Which person, and how much of them.
#[derive(InputObject)]
pub struct EraseUserInput {
    /// The person.
    user: UserRef,
    /// Whether what they wrote goes, too: their messages leave all inboxes and lose their texts, and
    /// their activities lose their data. If not, it stays as from “somebody who left”. Replies of
    /// others stay: they are theirs, also where their subjects repeat that of such a message.
    #[graphql(default)]
    messages: bool,
}

/// What is left of the person.
#[derive(SimpleObject)]
pub struct EraseUserPayload {
    /// What stands for them where they took part in what others have.
    user: User,
    /// Whether everything is done, but for a last look some minutes later at what was on its way.
    /// Otherwise the server goes on by itself, as always with `messages` where they have sent some;
    /// the same call with the `id` of `user` tells later whether it is done.
    is_complete: bool,
}

#[derive(Default)]
pub struct UserMutation;

#[Object]
impl UserMutation {
    /// Creates people, or changes what is known about them; all of them or none. Idempotent.
    #[graphql(directive = auth::apply(hosts()))]
    async fn upsert_users(
        &self,
        ctx: &Context<'_>,
        input: UpsertUsersInput,
    ) -> Result<Option<UpsertUsersPayload>> {
        let users = users::upsert(app(ctx), actor(ctx)?, input.users).await?;
        Ok(Some(UpsertUsersPayload { users: users.into_iter().map(User::from).collect() }))
    }

    /// Deactivates a person: their tokens stop working and nothing new is sent to them. What they
    /// sent and received stays.
    #[graphql(directive = auth::apply(hosts()))]
    async fn deactivate_user(
        &self,
        ctx: &Context<'_>,
        input: DeactivateUserInput,
    ) -> Result<Option<DeactivateUserPayload>> {
        let DeactivateUserInput { user, reason } = input;
        let user = deactivation::deactivate(app(ctx), actor(ctx)?, &user, reason).await?;
        Ok(Some(DeactivateUserPayload { user: user.into() }))
    }

    /// Erases a person for good: name, e-mail address, picture and external id at once, then their
    /// inbox, what they have planned, read and follow, and their groups. Their tokens stop working,
    /// so end their sessions first: a token that is still good makes the same external id known
    /// again, as somebody new. What was counted stays counted. Idempotent, by the `id`.
    #[graphql(directive = auth::apply(hosts()))]
    async fn erase_user(
        &self,
        ctx: &Context<'_>,
        input: EraseUserInput,
    ) -> Result<Option<EraseUserPayload>> {
        let EraseUserInput { user, messages } = input;
        let erased = erasure::erase(app(ctx), actor(ctx)?, &user, messages).await?;
        Ok(Some(EraseUserPayload { user: erased.user.into(), is_complete: erased.is_complete }))
    }

    /// Reactivates a person who was deactivated.
    #[graphql(directive = auth::apply(hosts()))]
    async fn reactivate_user(
        &self,
        ctx: &Context<'_>,
        input: ReactivateUserInput,
    ) -> Result<Option<ReactivateUserPayload>> {
        Ok(Some(ReactivateUserPayload {
            user: deactivation::reactivate(app(ctx), actor(ctx)?, &input.user).await?.into(),
        }))
    }
}
