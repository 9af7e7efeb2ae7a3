//! What many objects of one answer need from the database, read together. Nothing is kept: each request sees its own
//! moment.

use std::collections::HashMap;

use ::entity::{announcement, group, group_member, message, message_audience, reminder, subscription, target, user};
use async_graphql::dataloader::Loader;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{
    announcements,
    app::App,
    error::{Error, Result},
    inbox::{self, Item},
    messages::Sent,
    subscriptions::Following,
};

pub struct Loaders(pub App);

/// The addresses of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AudiencesOf(pub i64);

#[derive(Clone)]
pub struct Audience {
    pub row: message_audience::Model,
    pub user: Option<user::Model>,
    pub group: Option<group::Model>,
}

/// A message, for a reader who may know of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisibleMessage(pub message::Reader, pub i64);

/// A person's inbox item about a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ItemAbout {
    pub user: i64,
    pub message: i64,
}

/// A person.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserBy(pub i64);

/// A target.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TargetBy(pub i64);

/// What somebody follows of a target.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FollowingOf {
    pub user: i64,
    pub target: i64,
}

/// Why an item of activities came.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReasonsOf(pub i64);

/// The latest people of an item of activities.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ActorsOf {
    pub item: i64,
    pub most: usize,
}

/// How many an announcement reached.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecipientsOf(pub i64);

/// The reminder of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReminderOf(pub i64);

/// How many belong to a group.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MembersOf(pub i64);

impl Loader<AudiencesOf> for Loaders {
    type Value = Vec<Audience>;
    type Error = Error;

    async fn load(&self, keys: &[AudiencesOf]) -> Result<HashMap<AudiencesOf, Vec<Audience>>> {
        let rows = message_audience::Entity::find()
            .filter(message_audience::COLUMN.message_id.is_in(keys.iter().map(|key| key.0)))
            .order_by_asc(message_audience::Column::Id)
            .find_also_related(user::Entity)
            .find_also(message_audience::Entity, group::Entity)
            .all(self.0.db.read())
            .await?;
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        for (row, user, group) in rows {
            found.entry(AudiencesOf(row.message_id)).or_default().push(Audience { row, user, group });
        }
        Ok(found)
    }
}

impl Loader<VisibleMessage> for Loaders {
    type Value = Sent;
    type Error = Error;

    async fn load(&self, keys: &[VisibleMessage]) -> Result<HashMap<VisibleMessage, Sent>> {
        let mut by_reader: HashMap<_, Vec<_>> = HashMap::new();
        for VisibleMessage(reader, id) in keys {
            by_reader.entry(*reader).or_default().push(*id);
        }
        let mut found = HashMap::new();
        for (reader, ids) in by_reader {
            let messages = message::Entity::visible_to(reader).filter(message::COLUMN.id.is_in(ids));
            for sent in messages.find_also_related(user::Entity).all(self.0.db.read()).await? {
                found.insert(VisibleMessage(reader, sent.0.id), sent);
            }
        }
        Ok(found)
    }
}

impl Loader<ItemAbout> for Loaders {
    type Value = Item;
    type Error = Error;

    async fn load(&self, keys: &[ItemAbout]) -> Result<HashMap<ItemAbout, Item>> {
        let mut by_user: HashMap<_, Vec<_>> = HashMap::new();
        for ItemAbout { user, message } in keys {
            by_user.entry(*user).or_default().push(*message);
        }
        let mut found = HashMap::new();
        for (user, messages) in by_user {
            for item in inbox::items_about(&self.0.db, user, &messages).await? {
                if let Some(message) = item.row.message_id {
                    found.insert(ItemAbout { user, message }, item);
                }
            }
        }
        Ok(found)
    }
}

impl Loader<UserBy> for Loaders {
    type Value = user::Model;
    type Error = Error;

    async fn load(&self, keys: &[UserBy]) -> Result<HashMap<UserBy, user::Model>> {
        let users = user::Entity::find().filter(user::COLUMN.id.is_in(keys.iter().map(|key| key.0)));
        Ok(users.all(self.0.db.read()).await?.into_iter().map(|user| (UserBy(user.id), user)).collect())
    }
}

impl Loader<TargetBy> for Loaders {
    type Value = target::Model;
    type Error = Error;

    async fn load(&self, keys: &[TargetBy]) -> Result<HashMap<TargetBy, target::Model>> {
        // Needs no scope: who may see an activity may see what it was done to.
        let targets = target::Entity::find().filter(target::COLUMN.id.is_in(keys.iter().map(|key| key.0)));
        Ok(targets.all(self.0.db.read()).await?.into_iter().map(|target| (TargetBy(target.id), target)).collect())
    }
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
            let (of, rows) = by_key.entry(FollowingOf { user: row.user_id, target: row.target_id }).or_default();
            *of = target;
            rows.push(row);
        }
        let following = |(key, (target, rows))| Some((key, Following::of(target?, rows)?));
        Ok(by_key.into_iter().filter_map(following).collect())
    }
}

impl Loader<ReasonsOf> for Loaders {
    type Value = Vec<String>;
    type Error = Error;

    async fn load(&self, keys: &[ReasonsOf]) -> Result<HashMap<ReasonsOf, Vec<String>>> {
        let mut found: HashMap<_, Vec<_>> = HashMap::new();
        let items: Vec<_> = keys.iter().map(|key| key.0).collect();
        for (item, reason) in inbox::reasons(&self.0.db, &items).await? {
            found.entry(ReasonsOf(item)).or_default().push(reason);
        }
        Ok(found)
    }
}

impl Loader<ActorsOf> for Loaders {
    type Value = Vec<user::Model>;
    type Error = Error;

    async fn load(&self, keys: &[ActorsOf]) -> Result<HashMap<ActorsOf, Vec<user::Model>>> {
        let mut found = HashMap::new();
        for key in keys {
            found.insert(*key, inbox::latest_actors(&self.0.db, key.item, key.most).await?);
        }
        Ok(found)
    }
}

impl Loader<RecipientsOf> for Loaders {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[RecipientsOf]) -> Result<HashMap<RecipientsOf, i64>> {
        // Needs no scope: who asks has the announcement.
        let announced =
            announcement::Entity::find().filter(announcement::COLUMN.id.is_in(keys.iter().map(|key| key.0)));
        let announced = announced.all(self.0.db.read()).await?;
        let counts = announcements::recipient_counts(&self.0.db, &announced).await?;
        Ok(counts.into_iter().map(|(id, count)| (RecipientsOf(id), count)).collect())
    }
}

impl Loader<ReminderOf> for Loaders {
    type Value = reminder::Model;
    type Error = Error;

    async fn load(&self, keys: &[ReminderOf]) -> Result<HashMap<ReminderOf, reminder::Model>> {
        let found = reminder::Entity::find().filter(reminder::COLUMN.message_id.is_in(keys.iter().map(|key| key.0)));
        let found = found.all(self.0.db.read()).await?;
        Ok(found.into_iter().map(|row| (ReminderOf(row.message_id), row)).collect())
    }
}

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
        let counts: Vec<(i64, i64)> = counts.into_tuple().all(self.0.db.read()).await?;
        Ok(counts.into_iter().map(|(group, members)| (MembersOf(group), members as i32)).collect())
    }
}
