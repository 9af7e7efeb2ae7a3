use ::entity::{id::TargetId, target};
use async_graphql::{Context, ID, Object};

use super::subscriptions::TargetSubscription;
use crate::{
    error::{Result, known},
    graphql::{
        actor, app, loader,
        loaders::{FollowingOf, VisibleTarget},
        people::users::User,
    },
    id,
    notifications::targets::{self, TargetRef},
};

/// A thing in the host application that people act on and can follow.
pub struct Target(pub target::Model);

impl Target {
    /// The target with this id, if the caller may see it.
    pub async fn find(ctx: &Context<'_>, id: TargetId) -> Result<Option<Self>> {
        let key = VisibleTarget(actor(ctx)?.host_reader(), id);
        Ok(loader(ctx).load_one(key).await?.map(Target))
    }
}

/// A thing in the host application that people act on and can follow.
#[Object]
impl Target {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::encode(self.0.id).into()
    }

    /// A type from the catalog.
    #[graphql(name = "type")]
    async fn kind(&self) -> &str {
        &self.0.r#type
    }

    /// The host application's id, unique among targets of this type.
    async fn external_id(&self) -> &str {
        &self.0.external_id
    }

    /// The owner; null if not given.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let Some(id) = self.0.owner_id else { return Ok(None) };
        User::find(ctx, id).await
    }

    /// Its display name; null if not given.
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }

    /// Where to find it: a web URL or a path of the host application; null if not given.
    async fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }

    /// The viewer's subscription to it; null if they do not follow it.
    async fn viewer_subscription(&self, ctx: &Context<'_>) -> Result<Option<TargetSubscription>> {
        let Some(user) = actor(ctx)?.user_id() else { return Ok(None) };
        let following = loader(ctx).load_one(FollowingOf { user, target: self.0.id }).await?;
        Ok(following.map(TargetSubscription))
    }
}

#[derive(Default)]
pub struct TargetQuery;

#[Object]
impl TargetQuery {
    /// A target that the viewer owns, follows or has an inbox item about (SERVICE and ADMIN: any
    /// target); null if there is none.
    async fn target(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "ref")] target: TargetRef,
    ) -> Result<Option<Target>> {
        let target = targets::find(app(ctx), actor(ctx)?, &target.named("ref")?).await;
        Ok(known(target)?.map(Target))
    }
}
