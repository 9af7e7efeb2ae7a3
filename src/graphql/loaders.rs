//! Database reads shared by the objects of one answer. Nothing is cached: each request sees its own
//! moment.

mod inbox;
mod messages;
mod notifications;
mod people;

use std::{collections::HashMap, hash::Hash};

pub use self::{
    inbox::{ActorsOf, HeadOf, ItemAbout, ItemBy, ReasonsOf, ThreadIn},
    messages::{
        Audience, AudienceBy, AudiencesOf, RecipientBy, ReminderOf, VisibleMessage,
        VisibleReportRow,
    },
    notifications::{
        FollowingOf, RecipientsOf, SettingsOf, TargetBy, VisibleActivity, VisibleAnnouncement,
        VisibleTarget,
    },
    people::{GroupBy, MembersOf, UserBy},
};
use crate::app::App;

pub struct Loaders(pub App);

/// Groups the second parts of pairs by their first parts.
fn by_first<K: Eq + Hash, I>(pairs: impl Iterator<Item = (K, I)>) -> HashMap<K, Vec<I>> {
    let mut all: HashMap<_, Vec<_>> = HashMap::new();
    for (first, second) in pairs {
        all.entry(first).or_default().push(second);
    }
    all
}
