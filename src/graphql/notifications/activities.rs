use std::sync::Arc;

use ::entity::{
    activity,
    id::{ActivityId, ItemId},
    inbox_item,
};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::targets::Target;
use crate::{
    error::{Error, Result},
    graphql::{
        actor, app, auth, hosts,
        inbox::items::InboxItem,
        list_size, loader,
        loaders::{ActorsOf, ReasonsOf, TargetBy, VisibleActivity},
        paging::{Paged, connection, page},
        people::users::User,
    },
    id::{self, Kind},
    inbox::{self, Activities, LATEST_ACTORS, Subject},
    notifications::activities::{self, CreateActivitiesInput},
};

/// Somebody did something to a target.
pub struct Activity(pub activity::Model);

impl Activity {
    /// The activity with this id, if the caller may see it.
    pub async fn find(ctx: &Context<'_>, id: ActivityId) -> Result<Option<Self>> {
        let key = VisibleActivity(actor(ctx)?.host_reader(), id);
        Ok(loader(ctx).load_one(key).await?.map(Activity))
    }
}

/// Somebody did something to a target.
#[Object]
impl Activity {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        id::encode(self.0.id).into()
    }

    /// Who did it; null for the system.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let Some(id) = self.0.actor_id else { return Ok(None) };
        User::find(ctx, id).await
    }

    /// What they did: an action from the catalog.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// The target of the action.
    async fn target(&self, ctx: &Context<'_>) -> Result<Target> {
        let target = loader(ctx).load_one(TargetBy(self.0.target_id)).await?;
        Ok(Target(target.ok_or(Error::NotFound(Kind::Target.noun()))?))
    }

    /// Data that the host application attached.
    async fn data(&self) -> Result<Option<serde_json::Value>> {
        let data = self.0.data.as_deref().map(serde_json::from_str).transpose();
        data.map_err(|error| Error::internal(error))
    }

    /// When it happened, according to the host application.
    async fn occurred_at(&self) -> DateTime<Utc> {
        self.0.occurred_at
    }

    /// When it was retracted; null if it was not.
    async fn retracted_at(&self) -> Option<DateTime<Utc>> {
        self.0.retracted_at
    }

    /// When the host application reported it.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// Activities with the same action on the same target, shown as one item: “Ada, Grace and 8 others
/// commented on your post X”. New activities join it while the item is unread.
pub struct ActivityGroup {
    pub row: Arc<inbox_item::Model>,
    pub activities: Arc<Activities>,
}

impl ActivityGroup {
    /// The activities of the item with this id, if it has any.
    pub async fn find(ctx: &Context<'_>, id: ItemId) -> Result<Option<Self>> {
        let Some(InboxItem(item)) = InboxItem::find(ctx, id).await? else { return Ok(None) };
        Ok(match item.subject {
            Some(Subject::Activities(activities)) => {
                Some(ActivityGroup { row: item.row, activities })
            }
            _ => None,
        })
    }
}

/// Activities with the same action on the same target, shown as one item: “Ada, Grace and 8 others
/// commented on your post X”. New activities join it while the item is unread.
#[Object]
impl ActivityGroup {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::ActivityGroup.encode(self.row.id.0).into()
    }

    /// The action that the activities share: an action from the catalog.
    async fn action(&self) -> &str {
        self.row.action.as_deref().unwrap_or_default()
    }

    /// The target that they share.
    async fn target(&self) -> Target {
        Target(self.activities.target.clone())
    }

    /// Why the inbox's owner receives this: the reasons for which they follow the target.
    #[graphql(directive = list_size::apply(2))]
    async fn reasons(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        Ok(loader(ctx).load_one(ReasonsOf(self.row.id)).await?.unwrap_or_default())
    }

    /// How many different people did it; the system counts as one.
    async fn actor_count(&self) -> i32 {
        self.row.actor_count
    }

    /// Some of these people, most recent first. The system is not included.
    #[graphql(directive = list_size::apply(3))]
    async fn latest_actors(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 3, desc = "The most people to return: between 1 and 20.")] limit: i32,
    ) -> Result<Option<Vec<User>>> {
        let most = usize::try_from(limit).ok().filter(|limit| (1..=MOST_ACTORS).contains(limit));
        let most = most.ok_or_else(|| {
            Error::invalid("limit", format!("must be between 1 and {MOST_ACTORS}"))
        })?;
        let loaded = &self.activities.actors;
        let people: Vec<_> = loaded.iter().filter_map(|actor| actor.0.clone()).collect();
        let actors = match most <= people.len() || loaded.len() < LATEST_ACTORS {
            true => people,
            false => loader(ctx)
                .load_one(ActorsOf { item: self.row.id, most })
                .await?
                .unwrap_or_default(),
        };
        Ok(Some(actors.into_iter().take(most).map(User::from).collect()))
    }

    /// The number of activities.
    async fn activity_count(&self) -> i32 {
        self.row.activity_count
    }

    /// The activities, most recent first.
    async fn activities(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Option<Paged<Activity>>> {
        let page = page::<ActivityId>((first, after, last, before))?;
        let activities = inbox::activities(&app(ctx).db, self.row.id, &page).await?;
        Ok(Some(connection(activities, |row| row.id, Activity)))
    }
}

const MOST_ACTORS: usize = 20;

/// The activities that were reported.
#[derive(SimpleObject)]
pub struct CreateActivitiesPayload {
    /// In the order of the input.
    activities: Vec<Activity>,
}

/// Which activity to retract.
#[derive(InputObject)]
pub struct RetractActivityInput {
    /// The activity.
    activity_id: ID,
}

/// The activity after the change.
#[derive(SimpleObject)]
pub struct RetractActivityPayload {
    /// The activity.
    activity: Activity,
}

#[derive(Default)]
pub struct ActivityMutation;

#[Object]
impl ActivityMutation {
    /// Reports activities; all of them or none. The cost does not depend on how many people follow
    /// the targets. An activity reaches the inbox of everyone who already followed the target,
    /// wants to hear of the action and did not do it themself.
    #[graphql(directive = auth::apply(hosts()))]
    async fn create_activities(
        &self,
        ctx: &Context<'_>,
        input: CreateActivitiesInput,
    ) -> Result<Option<CreateActivitiesPayload>> {
        let activities = activities::create(app(ctx), actor(ctx)?, input).await?;
        Ok(Some(CreateActivitiesPayload {
            activities: activities.into_iter().map(Activity).collect(),
        }))
    }

    /// Retracts an activity: it is removed from the inbox items that include it, and items left
    /// empty are removed. Idempotent.
    #[graphql(directive = auth::apply(hosts()))]
    async fn retract_activity(
        &self,
        ctx: &Context<'_>,
        input: RetractActivityInput,
    ) -> Result<Option<RetractActivityPayload>> {
        let activity = activities::retract(app(ctx), actor(ctx)?, &input.activity_id).await?;
        Ok(Some(RetractActivityPayload { activity: Activity(activity) }))
    }
}
