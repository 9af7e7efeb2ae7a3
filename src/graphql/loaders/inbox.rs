//! Inboxes and their items.

use std::collections::HashMap;

use ::entity::{
    id::{ItemId, MessageId, UserId},
    user,
};
use async_graphql::dataloader::Loader;

use super::{Loaders, by_first};
use crate::{
    error::{Error, Result},
    inbox::{self, Item, Texts},
    notifications::pull,
};

/// The row of a person's inbox, after taking in what is due.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeadOf(pub UserId);

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

/// An item of a person's inbox.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ItemBy {
    pub owner: UserId,
    pub id: ItemId,
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

/// A person's inbox item about a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ItemAbout {
    pub user: UserId,
    pub message: MessageId,
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

/// A thread in a person's inbox, by its first message.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ThreadIn {
    pub owner: UserId,
    pub root: MessageId,
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

/// Why an item of activities arrived.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReasonsOf(pub ItemId);

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

/// The latest people of an item of activities.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ActorsOf {
    pub item: ItemId,
    pub most: usize,
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
