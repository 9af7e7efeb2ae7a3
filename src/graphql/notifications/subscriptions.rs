use ::entity::{
    id::{TargetId, UserId},
    subscription_config,
};
use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use futures_util::future::try_join;

use super::targets::Target;
use crate::{
    app::App,
    error::{Error, Result},
    graphql::{
        actor, app, loader,
        loaders::{FollowingOf, SettingsOf},
        people::users::User,
    },
    id,
    notifications::{
        subscriptions::{
            self, CancelSubscriptionInput, Following, SubscribeInput, UpdateSubscriptionConfigInput,
        },
        targets::TargetRef,
    },
};

/// What somebody follows of a target, and why.
pub struct TargetSubscription(pub Following);

impl TargetSubscription {
    /// What this person follows of a target, if the caller may see what is private to them.
    pub async fn find(ctx: &Context<'_>, user: UserId, target: TargetId) -> Result<Option<Self>> {
        if !actor(ctx)?.may_see_private(user) {
            return Ok(None);
        }
        let following = loader(ctx).load_one(FollowingOf { user, target }).await?;
        Ok(following.map(TargetSubscription))
    }
}

/// What somebody follows of a target, and why.
#[Object]
impl TargetSubscription {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::of_subscription(self.0.user, self.0.target.id).into()
    }

    /// The person who follows it.
    async fn subscriber(&self, ctx: &Context<'_>) -> Result<User> {
        User::find(ctx, self.0.user).await?.ok_or(Error::NotFound("user"))
    }

    /// The target that they follow.
    async fn target(&self) -> Target {
        Target(self.0.target.clone())
    }

    /// Why they follow it: reasons from the catalog.
    async fn reasons(&self) -> &[String] {
        &self.0.reasons
    }

    /// The actions that they hear of, unless they turned them off: actions from the catalog.
    async fn actions(&self) -> &[String] {
        &self.0.actions
    }

    /// Since when.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.since
    }
}

/// Which subscriptions to list.
#[derive(InputObject, Default)]
pub struct SubscriptionFilter {
    /// Only this target.
    pub target: Option<TargetRef>,
    /// Only targets of this type.
    pub target_type: Option<String>,
    /// Only subscriptions with this reason.
    pub reason: Option<String>,
}

/// Which actions somebody wants to hear of on the targets that they follow.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct SubscriptionConfig {
    #[graphql(skip)]
    user: UserId,
    /// One entry for each action, in the order of the catalog.
    settings: Vec<ActionSetting>,
    /// When the person last changed a setting; null if never.
    updated_at: Option<DateTime<Utc>>,
}

/// Whether somebody wants to hear of an action.
#[derive(SimpleObject)]
pub struct ActionSetting {
    /// The action's key.
    action: String,
    /// Its display name.
    label: String,
    /// Whether they want to hear of it.
    enabled: bool,
    /// Whether this is the default, because the person has not chosen.
    is_default: bool,
}

#[ComplexObject]
impl SubscriptionConfig {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::Kind::SubscriptionConfig.encode(self.user.0).into()
    }
}

impl SubscriptionConfig {
    /// What this person wants to hear of, if the caller may see what is private to them.
    pub async fn find(ctx: &Context<'_>, user: UserId) -> Result<Option<Self>> {
        if !actor(ctx)?.may_see_private(user) {
            return Ok(None);
        }
        let (known, said) =
            try_join(User::find(ctx, user), loader(ctx).load_one(SettingsOf(user))).await?;
        Ok(known.map(|_| Self::from_rows(app(ctx), user, &said.unwrap_or_default())))
    }

    pub async fn of(app: &App, user: UserId) -> Result<Self> {
        Ok(Self::from_rows(app, user, &subscriptions::settings(app.db.read(), &[user]).await?))
    }

    /// From everything that a person has ever said about what they want.
    fn from_rows(app: &App, user: UserId, said: &[subscription_config::Model]) -> Self {
        let at = |row: &subscription_config::Model| row.ended_at.unwrap_or(row.created_at);
        let updated_at = said.iter().map(at).max();
        let setting = |action: &crate::catalog::Action| {
            let said = said.iter().find(|row| row.until.is_none() && row.action == action.key);
            ActionSetting {
                action: action.key.clone(),
                label: action.label.clone(),
                enabled: said.map_or(action.enabled, |row| row.enabled),
                is_default: said.is_none(),
            }
        };
        SubscriptionConfig {
            user,
            settings: app.catalog.actions().iter().map(setting).collect(),
            updated_at,
        }
    }
}

/// The subscription after the change.
#[derive(SimpleObject)]
pub struct SubscribePayload {
    /// The subscription to the target, with all its reasons.
    subscription: TargetSubscription,
}

/// What remains of the subscription.
#[derive(SimpleObject)]
pub struct CancelSubscriptionPayload {
    /// The subscription with its remaining reasons; null if there are none.
    subscription: Option<TargetSubscription>,
}

/// The settings after the change.
#[derive(SimpleObject)]
pub struct UpdateSubscriptionConfigPayload {
    /// All settings.
    subscription_config: SubscriptionConfig,
}

#[derive(Default)]
pub struct SubscriptionMutation;

#[Object]
impl SubscriptionMutation {
    /// Subscribes the viewer to a target for a reason: they hear of what is done to it from now on.
    /// A new reason is added to existing ones. Idempotent.
    async fn subscribe(
        &self,
        ctx: &Context<'_>,
        input: SubscribeInput,
    ) -> Result<Option<SubscribePayload>> {
        let following = subscriptions::subscribe(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(SubscribePayload { subscription: TargetSubscription(following) }))
    }

    /// Ends the viewer's subscription to a target, or only one reason for it. What has already
    /// arrived stays. Idempotent.
    async fn cancel_subscription(
        &self,
        ctx: &Context<'_>,
        input: CancelSubscriptionInput,
    ) -> Result<Option<CancelSubscriptionPayload>> {
        let left = subscriptions::cancel(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(CancelSubscriptionPayload { subscription: left.map(TargetSubscription) }))
    }

    /// Changes which actions the viewer wants to hear of from now on. Idempotent.
    async fn update_subscription_config(
        &self,
        ctx: &Context<'_>,
        input: UpdateSubscriptionConfigInput,
    ) -> Result<Option<UpdateSubscriptionConfigPayload>> {
        let user = subscriptions::configure(app(ctx), actor(ctx)?, input).await?;
        let subscription_config = SubscriptionConfig::of(app(ctx), user).await?;
        Ok(Some(UpdateSubscriptionConfigPayload { subscription_config }))
    }
}
