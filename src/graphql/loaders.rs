//! Database reads shared by the objects of one answer. Nothing is cached: each request sees its own
//! moment.

use std::collections::HashMap;

use ::entity::{
    activity, announcement, group, group_member,
    id::{ActivityId, AnnouncementId, AudienceId, GroupId, ItemId, MessageId, TargetId, UserId},
    message, message_audience, message_recipient, reminder, subscription, subscription_config,
    target, user,
};
use async_graphql::dataloader::Loader;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use super::messages::recipients::{RecipientRow, recipients};
use crate::{
    app::App,
    error::{Error, Result},
    inbox::{self, Item, Texts},
    messages::{Sent, reports},
    notifications::{
        announcements::{self, Announced},
        pull,
        subscriptions::{self, Following},
    },
};

pub struct Loaders(pub App);

/// The addresses of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AudiencesOf(pub MessageId);

/// An address of a message. The caller checks whether the reader may see the message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AudienceBy(pub AudienceId);

#[derive(Clone)]
pub struct Audience {
    pub row: message_audience::Model,
    pub user: Option<user::Model>,
    pub group: Option<group::Model>,
}

/// A message, if the reader may see it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisibleMessage(pub message::Reader, pub MessageId);

/// An announcement, if the reader may see it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisibleAnnouncement(pub message::Reader, pub AnnouncementId);

/// An activity, if the reader may see it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisibleActivity(pub message::Reader, pub ActivityId);

/// A target, if the reader may see it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisibleTarget(pub message::Reader, pub TargetId);

/// A row of a report, if the reader may see it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisibleReportRow(pub message::Reader, pub AudienceId);

/// The fact that a message reached a person by an address. The caller checks whether the reader may
/// know of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecipientBy {
    pub audience: AudienceId,
    pub user: UserId,
}

/// A group that has not been deleted.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct GroupBy(pub GroupId);

/// The row of a person's inbox, after taking in what is due.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeadOf(pub UserId);

/// An item of a person's inbox.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ItemBy {
    pub owner: UserId,
    pub id: ItemId,
}

/// A person's inbox item about a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ItemAbout {
    pub user: UserId,
    pub message: MessageId,
}

/// A thread in a person's inbox, by its first message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ThreadIn {
    pub owner: UserId,
    pub root: MessageId,
}

/// A person.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserBy(pub UserId);

/// A target.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TargetBy(pub TargetId);

/// What a person follows of a target.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FollowingOf {
    pub user: UserId,
    pub target: TargetId,
}

/// Everything that a person has ever said about what they want to hear of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SettingsOf(pub UserId);

/// Why an item of activities arrived.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReasonsOf(pub ItemId);

/// The latest people of an item of activities.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ActorsOf {
    pub item: ItemId,
    pub most: usize,
}

/// How many people an announcement reached.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecipientsOf(pub AnnouncementId);

/// The reminder of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReminderOf(pub MessageId);

/// How many people have replied to a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RepliedTo(pub MessageId);

/// How many members a group has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MembersOf(pub GroupId);

/// Groups the second parts of pairs by their first parts.
fn by_first<K: Eq + std::hash::Hash, I>(pairs: impl Iterator<Item = (K, I)>) -> HashMap<K, Vec<I>> {
    let mut all: HashMap<_, Vec<_>> = HashMap::new();
    for (first, second) in pairs {
        all.entry(first).or_default().push(second);
    }
    all
}

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
            found.entry(AudiencesOf(row.message_id)).or_default().push(Audience {
                row,
                user,
                group,
            });
        }
        Ok(found)
    }
}

impl Loader<AudienceBy> for Loaders {
    type Value = Audience;
    type Error = Error;

    async fn load(&self, keys: &[AudienceBy]) -> Result<HashMap<AudienceBy, Audience>> {
        let rows = message_audience::Entity::find()
            .filter(message_audience::COLUMN.id.is_in(keys.iter().map(|key| key.0)))
            .find_also_related(user::Entity)
            .find_also(message_audience::Entity, group::Entity)
            .all(self.0.db.read())
            .await?;
        let audience = |(row, user, group): (message_audience::Model, _, _)| {
            (AudienceBy(row.id), Audience { row, user, group })
        };
        Ok(rows.into_iter().map(audience).collect())
    }
}

impl Loader<VisibleMessage> for Loaders {
    type Value = Sent;
    type Error = Error;

    async fn load(&self, keys: &[VisibleMessage]) -> Result<HashMap<VisibleMessage, Sent>> {
        let mut found = HashMap::new();
        for (reader, ids) in by_first(keys.iter().map(|key| (key.0, key.1))) {
            let messages =
                message::Entity::visible_to(reader).filter(message::COLUMN.id.is_in(ids));
            for sent in messages.find_also_related(user::Entity).all(self.0.db.read()).await? {
                found.insert(VisibleMessage(reader, sent.0.id), sent);
            }
        }
        Ok(found)
    }
}

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

impl Loader<VisibleReportRow> for Loaders {
    type Value = reports::Row;
    type Error = Error;

    async fn load(
        &self,
        keys: &[VisibleReportRow],
    ) -> Result<HashMap<VisibleReportRow, reports::Row>> {
        let mut found = HashMap::new();
        for (reader, ids) in by_first(keys.iter().map(|key| (key.0, key.1))) {
            let rows = reports::visible_to(&self.0, reader, &ids).await?;
            found.extend(
                rows.into_iter().map(|row| (VisibleReportRow(reader, row.audience.id), row)),
            );
        }
        Ok(found)
    }
}

impl Loader<RecipientBy> for Loaders {
    type Value = RecipientRow;
    type Error = Error;

    async fn load(&self, keys: &[RecipientBy]) -> Result<HashMap<RecipientBy, RecipientRow>> {
        // Looked up by message, because that is how the recipients are indexed.
        let audiences = message_audience::Entity::find().select_only();
        let audiences =
            audiences.columns([message_audience::Column::Id, message_audience::Column::MessageId]);
        let audiences = audiences
            .filter(message_audience::COLUMN.id.is_in(keys.iter().map(|key| key.audience)));
        let messages: Vec<(AudienceId, MessageId)> =
            audiences.into_tuple().all(self.0.db.read()).await?;
        let messages: HashMap<_, _> = messages.into_iter().collect();
        let mut any = Condition::any();
        for key in keys {
            let Some(message) = messages.get(&key.audience) else { continue };
            let one = Condition::all()
                .add(message_recipient::COLUMN.message_id.eq(*message))
                .add(message_recipient::COLUMN.user_id.eq(key.user))
                .add(message_recipient::COLUMN.audience_id.eq(key.audience));
            any = any.add(one);
        }
        if any.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = recipients().filter(any).all(self.0.db.read()).await?;
        let key =
            |row: &RecipientRow| RecipientBy { audience: row.0.audience_id, user: row.0.user_id };
        Ok(rows.into_iter().map(|row| (key(&row), row)).collect())
    }
}

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

impl Loader<HeadOf> for Loaders {
    type Value = ::entity::inbox::Model;
    type Error = Error;

    async fn load(&self, keys: &[HeadOf]) -> Result<HashMap<HeadOf, ::entity::inbox::Model>> {
        let owners: Vec<_> = keys.iter().map(|key| key.0).collect();
        Ok(pull::heads_of(&self.0, &owners)
            .await?
            .into_iter()
            .map(|head| (HeadOf(head.user_id), head))
            .collect())
    }
}

impl Loader<ItemBy> for Loaders {
    type Value = Item;
    type Error = Error;

    async fn load(&self, keys: &[ItemBy]) -> Result<HashMap<ItemBy, Item>> {
        let mut found = HashMap::new();
        for (owner, ids) in by_first(keys.iter().map(|key| (key.owner, key.id))) {
            let items = inbox::items(&self.0.db, owner, &ids, Texts::Whole).await?;
            found.extend(items.into_iter().map(|item| (ItemBy { owner, id: item.row.id }, item)));
        }
        Ok(found)
    }
}

impl Loader<ItemAbout> for Loaders {
    type Value = Item;
    type Error = Error;

    async fn load(&self, keys: &[ItemAbout]) -> Result<HashMap<ItemAbout, Item>> {
        let mut found = HashMap::new();
        for (user, messages) in by_first(keys.iter().map(|key| (key.user, key.message))) {
            for item in inbox::items_about(&self.0.db, user, &messages).await? {
                if let Some(message) = item.row.message_id {
                    found.insert(ItemAbout { user, message }, item);
                }
            }
        }
        Ok(found)
    }
}

impl Loader<ThreadIn> for Loaders {
    type Value = inbox::Thread;
    type Error = Error;

    async fn load(&self, keys: &[ThreadIn]) -> Result<HashMap<ThreadIn, inbox::Thread>> {
        let wanted: Vec<_> = keys.iter().map(|key| (key.owner, key.root)).collect();
        let key = |thread: &inbox::Thread| ThreadIn { owner: thread.owner, root: thread.root };
        let threads = inbox::threads(&self.0.db, &wanted).await?;
        Ok(threads.into_iter().map(|thread| (key(&thread), thread)).collect())
    }
}

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
        let mut items: Vec<_> = keys.iter().map(|key| key.item).collect();
        items.sort_unstable();
        items.dedup();
        let most = keys.iter().map(|key| key.most).max().unwrap_or(0);
        let latest: HashMap<_, _> =
            inbox::latest_actors(&self.0.db, &items, most).await?.into_iter().collect();
        let people = |key: &ActorsOf| {
            latest.get(&key.item).into_iter().flatten().take(key.most).cloned().collect()
        };
        Ok(keys.iter().map(|key| (*key, people(key))).collect())
    }
}

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

impl Loader<ReminderOf> for Loaders {
    type Value = reminder::Model;
    type Error = Error;

    async fn load(&self, keys: &[ReminderOf]) -> Result<HashMap<ReminderOf, reminder::Model>> {
        let found = reminder::Entity::find()
            .filter(reminder::COLUMN.message_id.is_in(keys.iter().map(|key| key.0)));
        let found = found.all(self.0.db.read()).await?;
        Ok(found.into_iter().map(|row| (ReminderOf(row.message_id), row)).collect())
    }
}

impl Loader<RepliedTo> for Loaders {
    type Value = i32;
    type Error = Error;

    async fn load(&self, keys: &[RepliedTo]) -> Result<HashMap<RepliedTo, i32>> {
        // Only those who have replied are in the index that serves it.
        let counts = message_recipient::Entity::find()
            .filter(message_recipient::COLUMN.message_id.is_in(keys.iter().map(|key| key.0)))
            .filter(message_recipient::COLUMN.replied_at.is_not_null())
            .select_only()
            .column(message_recipient::Column::MessageId)
            .column_as(Expr::col(message_recipient::Column::UserId).count_distinct(), "people")
            .group_by(message_recipient::Column::MessageId);
        let counts: Vec<(MessageId, i64)> = counts.into_tuple().all(self.0.db.read()).await?;
        Ok(counts.into_iter().map(|(id, people)| (RepliedTo(id), people as i32)).collect())
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
        let counts: Vec<(GroupId, i64)> = counts.into_tuple().all(self.0.db.read()).await?;
        Ok(counts.into_iter().map(|(group, members)| (MembersOf(group), members as i32)).collect())
    }
}
