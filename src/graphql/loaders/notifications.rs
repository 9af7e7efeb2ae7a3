//! Announcements, activities, targets, and what people want to hear of.

use std::collections::HashMap;

use ::entity::{
    activity, announcement,
    id::{ActivityId, AnnouncementId, TargetId, UserId},
    message, subscription, subscription_config, target, user,
};
use async_graphql::dataloader::Loader;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{Loaders, by_first};
use crate::{
    error::{Error, Result},
    notifications::{
        announcements::{self, Announced},
        subscriptions::{self, Following},
    },
};

/// An announcement, if the reader may see it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisibleAnnouncement(pub message::Reader, pub AnnouncementId);

impl Loader<VisibleAnnouncement> for Loaders {
    type Value = Announced;
    type Error = Error;

    async fn load(
        &self,
        keys: &[VisibleAnnouncement],
    ) -> Result<HashMap<VisibleAnnouncement, Announced>> {
        let mut found = HashMap::new();
        for (reader, ids) in by_first(keys.iter().map(|key| (key.0, key.1))) {
            let rows =
                announcement::Entity::visible_to(reader).filter(announcement::COLUMN.id.is_in(ids));
            for announced in rows.find_also_related(user::Entity).all(self.0.db.read()).await? {
                found.insert(VisibleAnnouncement(reader, announced.0.id), announced);
            }
        }
        Ok(found)
    }
}

/// How many people an announcement reached.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecipientsOf(pub AnnouncementId);

impl Loader<RecipientsOf> for Loaders {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[RecipientsOf]) -> Result<HashMap<RecipientsOf, i64>> {
        // Needs no scope: the caller already has the announcement.
        let announced = announcement::Entity::find()
            .filter(announcement::COLUMN.id.is_in(keys.iter().map(|key| key.0)));
        let announced = announced.all(self.0.db.read()).await?;
        let counts = announcements::recipient_counts(&self.0.db, &announced).await?;
        Ok(counts.into_iter().map(|(id, count)| (RecipientsOf(id), count)).collect())
    }
}

/// An activity, if the reader may see it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisibleActivity(pub message::Reader, pub ActivityId);

impl Loader<VisibleActivity> for Loaders {
    type Value = activity::Model;
    type Error = Error;

    async fn load(
        &self,
        keys: &[VisibleActivity],
    ) -> Result<HashMap<VisibleActivity, activity::Model>> {
        let mut found = HashMap::new();
        for (reader, ids) in by_first(keys.iter().map(|key| (key.0, key.1))) {
            let rows = activity::Entity::visible_to(reader).filter(activity::COLUMN.id.is_in(ids));
            let rows = rows.all(self.0.db.read()).await?;
            found.extend(rows.into_iter().map(|row| (VisibleActivity(reader, row.id), row)));
        }
        Ok(found)
    }
}

/// A target, if the reader may see it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisibleTarget(pub message::Reader, pub TargetId);

impl Loader<VisibleTarget> for Loaders {
    type Value = target::Model;
    type Error = Error;

    async fn load(&self, keys: &[VisibleTarget]) -> Result<HashMap<VisibleTarget, target::Model>> {
        let mut found = HashMap::new();
        for (reader, ids) in by_first(keys.iter().map(|key| (key.0, key.1))) {
            let rows = target::Entity::visible_to(reader).filter(target::COLUMN.id.is_in(ids));
            let rows = rows.all(self.0.db.read()).await?;
            found.extend(rows.into_iter().map(|row| (VisibleTarget(reader, row.id), row)));
        }
        Ok(found)
    }
}

/// A target.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TargetBy(pub TargetId);

impl Loader<TargetBy> for Loaders {
    type Value = target::Model;
    type Error = Error;

    async fn load(&self, keys: &[TargetBy]) -> Result<HashMap<TargetBy, target::Model>> {
        // Needs no scope: anyone who may see an activity may see its target.
        let targets =
            target::Entity::find().filter(target::COLUMN.id.is_in(keys.iter().map(|key| key.0)));
        Ok(targets
            .all(self.0.db.read())
            .await?
            .into_iter()
            .map(|target| (TargetBy(target.id), target))
            .collect())
    }
}

/// What a person follows of a target.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FollowingOf {
    pub user: UserId,
    pub target: TargetId,
}

impl Loader<FollowingOf> for Loaders {
    type Value = Following;
    type Error = Error;

    async fn load(&self, keys: &[FollowingOf]) -> Result<HashMap<FollowingOf, Following>> {
        let rows = subscription::Entity::find()
            .filter(subscription::COLUMN.user_id.is_in(keys.iter().map(|key| key.user)))
            .filter(subscription::COLUMN.target_id.is_in(keys.iter().map(|key| key.target)))
            .filter(subscription::COLUMN.until.is_null())
            .order_by_asc(subscription::Column::Id)
            .find_also_related(target::Entity);
        let mut by_key: HashMap<_, (Option<target::Model>, Vec<_>)> = HashMap::new();
        for (row, target) in rows.all(self.0.db.read()).await? {
            let (of, rows) =
                by_key.entry(FollowingOf { user: row.user_id, target: row.target_id }).or_default();
            *of = target;
            rows.push(row);
        }
        let following = |(key, (target, rows))| Some((key, Following::of(target?, rows)?));
        Ok(by_key.into_iter().filter_map(following).collect())
    }
}

/// Everything that a person has ever said about what they want to hear of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SettingsOf(pub UserId);

impl Loader<SettingsOf> for Loaders {
    type Value = Vec<subscription_config::Model>;
    type Error = Error;

    async fn load(
        &self,
        keys: &[SettingsOf],
    ) -> Result<HashMap<SettingsOf, Vec<subscription_config::Model>>> {
        let users: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = subscriptions::settings(self.0.db.read(), &users).await?;
        Ok(by_first(rows.into_iter().map(|row| (SettingsOf(row.user_id), row))))
    }
}
