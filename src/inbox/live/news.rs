//! What was created and concerns inboxes that have not taken it in yet: collected from the hints,
//! for `pull`.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use ::entity::id::{TargetId, UserId};
use tokio::sync::Notify;

use crate::db::Topic;

/// What may have to be taken into inboxes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Hints may have been lost, so it may be anything.
    pub anything: bool,
    /// There is a new announcement.
    pub announcements: bool,
    /// Something was done to these targets.
    pub targets: BTreeSet<TargetId>,
    /// These people could not take in what was new when they connected.
    pub people: BTreeSet<UserId>,
}

#[derive(Default)]
pub struct Pending {
    news: Mutex<News>,
    arrived: Notify,
}

impl Pending {
    pub fn add(&self, topic: &Topic) {
        match topic {
            Topic::Announcements => self.change(|news| news.announcements = true),
            Topic::Target(target) => self.change(|news| news.targets.extend([*target])),
            Topic::Inbox(_)
            | Topic::Thread(_)
            | Topic::User(_)
            | Topic::Reading(_)
            | Topic::AnnouncementReading(_)
            | Topic::Jobs => {}
        }
    }

    pub fn add_person(&self, user: UserId) {
        self.change(|news| news.people.extend([user]));
    }

    pub fn add_all(&self) {
        self.change(|news| news.anything = true);
    }

    fn change(&self, change: impl FnOnce(&mut News)) {
        change(&mut self.news.lock().unwrap_or_else(PoisonError::into_inner));
        self.arrived.notify_one();
    }

    /// Waits until there is news, and takes it.
    pub async fn take(&self) -> News {
        loop {
            let news =
                std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner));
            if news != News::default() {
                return news;
            }
            self.arrived.notified().await;
        }
    }
}
