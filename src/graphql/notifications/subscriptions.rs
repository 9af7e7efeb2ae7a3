use ::entity::subscription_config;
use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::targets::Target;
use crate::{
    app::App,
    error::{self, Error},
    graphql::{actor, app, loader, loaders::UserBy, people::users::User},
    id::Kind,
    notifications::{
        subscriptions::{
            self, CancelSubscriptionInput, Following, SubscribeInput, UpdateSubscriptionConfigInput,
        },
        targets::TargetRef,
    },
};

/// What somebody follows of a target, and why.
pub struct TargetSubscription(pub Following);

/// What somebody follows of a target, and why.
#[Object]
impl TargetSubscription {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::TargetSubscription.encode_pair(self.0.user, self.0.target.id).into()
    }

    /// Who follows it.
    async fn subscriber(&self, ctx: &Context<'_>) -> Result<User> {
        let user = loader(ctx).load_one(UserBy(self.0.user)).await?;
        Ok(user.ok_or(Error::NotFound("user"))?.into())
    }

    /// What they follow.
    async fn target(&self) -> Target {
        Target(self.0.target.clone())
    }

    /// Why: reasons of the catalog.
    async fn reasons(&self) -> &[String] {
        &self.0.reasons
    }

    /// What they hear of, if they want it: actions of the catalog.
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
    /// Only of this target.
    pub target: Option<TargetRef>,
    /// Only of targets of this type.
    pub target_type: Option<String>,
    /// Only those for this reason.
    pub reason: Option<String>,
}

/// What somebody wants to hear of, of what they follow.
#[derive(SimpleObject)]
pub struct SubscriptionConfig {
    /// Each action of the catalog, in its order.
    settings: Vec<ActionSetting>,
    /// When the person last changed something; null: never.
    updated_at: Option<DateTime<Utc>>,
}

/// Whether somebody wants to hear of an action.
#[derive(SimpleObject)]
pub struct ActionSetting {
    /// The action's key.
    action: String,
    /// What people call it.
    label: String,
    /// Whether it is wanted.
    enabled: bool,
    /// Whether the person has said nothing about it.
    is_default: bool,
}

impl SubscriptionConfig {
    pub async fn of(app: &App, user: i64) -> error::Result<Self> {
        let said = subscriptions::settings(app.db.read(), user).await?;
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
        Ok(SubscriptionConfig {
            settings: app.catalog.actions().iter().map(setting).collect(),
            updated_at,
        })
    }
}

/// What is followed now.
#[derive(SimpleObject)]
pub struct SubscribePayload {
    /// The subscription to the target, with all its reasons.
    subscription: TargetSubscription,
}

/// What is left.
#[derive(SimpleObject)]
pub struct CancelSubscriptionPayload {
    /// What is followed for other reasons; null when nothing.
    subscription: Option<TargetSubscription>,
}

/// What is wanted now.
#[derive(SimpleObject)]
pub struct UpdateSubscriptionConfigPayload {
    /// All settings.
    subscription_config: SubscriptionConfig,
}

#[derive(Default)]
pub struct SubscriptionMutation;

#[Object]
impl SubscriptionMutation {
    /// The viewer follows a target for a reason, and hears of what is done to it from now on. Another reason is added to those
    /// before. Can be repeated.
    async fn subscribe(
        &self,
        ctx: &Context<'_>,
        input: SubscribeInput,
    ) -> Result<Option<SubscribePayload>> {
        let following = subscriptions::subscribe(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(SubscribePayload { subscription: TargetSubscription(following) }))
    }

    /// The viewer stops following a target, or only for one reason. What has come stays. Can be repeated.
    async fn cancel_subscription(
        &self,
        ctx: &Context<'_>,
        input: CancelSubscriptionInput,
    ) -> Result<Option<CancelSubscriptionPayload>> {
        let left = subscriptions::cancel(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(CancelSubscriptionPayload { subscription: left.map(TargetSubscription) }))
    }

    /// The viewer says which actions they want to hear of, from now on. Can be repeated.
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
