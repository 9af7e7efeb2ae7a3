//! What a client keeps of an inbox, and how it applies what it receives (P5): a state plus its
//! updates equals a fresh state.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

pub const COUNTS: &str = "id active unread unseen snoozed archived
    unreadByKind { kind count } unreadByCategory { category count }";
pub const ITEM: &str = "id kind title preview url data actions { label url isMain } category
    seenAt readAt archivedAt snoozedUntil createdAt updatedAt remindedAt isFinalReminder respondBy
    thread { id messageCount unreadCount isMuted }
    about {
      __typename
      ... on Message { id body sender { name } }
      ... on Announcement { id body expiresAt }
      ... on ActivityGroup {
        action actorCount activityCount reasons latestActors { name } target { id owner { name } }
      }
    }";

/// An inbox as a client keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct InboxState {
    pub cursor: String,
    pub counts: Value,
    pub items: BTreeMap<String, Value>,
    /// The threads of its items, by their ids, as a normalised cache keeps them.
    pub threads: BTreeMap<String, Value>,
}

/// What an update shows of a thread.
pub const THREAD: &str = "thread { id messageCount unreadCount isMuted }";

impl InboxState {
    pub fn new(cursor: &str, counts: Value, items: Vec<Value>) -> Self {
        let mut state = InboxState {
            cursor: cursor.into(),
            counts,
            items: BTreeMap::new(),
            threads: BTreeMap::new(),
        };
        items.into_iter().for_each(|item| state.keep(item));
        state
    }

    /// Keeps an item, with the id of its thread.
    fn keep(&mut self, mut item: Value) {
        let thread = item["thread"].take();
        item["thread"] = thread["id"].clone();
        self.keep_thread(thread);
        self.items.insert(item["id"].as_str().unwrap().to_owned(), item);
    }

    fn keep_thread(&mut self, thread: Value) {
        if let Some(id) = thread["id"].as_str() {
            self.threads.insert(id.to_owned(), thread);
        }
    }

    /// Applies an update of `inboxUpdated`.
    pub fn apply(&mut self, update: &Value) {
        self.cursor = update["cursor"].as_str().unwrap_or_default().to_owned();
        self.counts = update["counts"].clone();
        for change in update["changes"].as_array().into_iter().flatten() {
            let id = change["itemId"].as_str().unwrap_or_default().to_owned();
            match change["item"].is_null() {
                true => drop(self.items.remove(&id)),
                false => self.keep(change["item"].clone()),
            }
            self.keep_thread(change["thread"].clone());
        }
        // A thread goes with its last item.
        let of_items: BTreeSet<_> =
            self.items.values().filter_map(|item| item["thread"].as_str()).collect();
        self.threads.retain(|id, _| of_items.contains(id.as_str()));
    }

    /// The counts, calculated from the items.
    pub fn tally(&self) -> Value {
        fn is_there(item: &Value) -> bool {
            item["archivedAt"].is_null() && item["snoozedUntil"].is_null()
        }
        let tally = |matches: &dyn Fn(&Value) -> bool| {
            self.items.values().filter(|item| matches(item)).count()
        };
        let unread = |kind: &str| {
            let count =
                tally(&|item| is_there(item) && item["readAt"].is_null() && item["kind"] == kind);
            json!({"kind": kind, "count": count})
        };
        // Those of the catalog are counted even if there are none.
        let named = |counts: &Value| counts["category"].as_str().unwrap_or_default().to_owned();
        let known = self.counts["unreadByCategory"].as_array().into_iter().flatten().map(named);
        let mut categories: Vec<String> = known.collect();
        let is_unread = |item: &Value| is_there(item) && item["readAt"].is_null();
        for item in self.items.values().filter(|item| is_unread(item)) {
            let category = item["category"].as_str().map(str::to_owned);
            categories.extend(category.filter(|category| !categories.contains(category)));
        }
        let unread_of = |category: &String| {
            let count = tally(&|item| is_unread(item) && item["category"] == category.as_str());
            json!({"category": category, "count": count})
        };
        json!({
            "active": tally(&|item| is_there(item)),
            "unread": tally(&|item| is_there(item) && item["readAt"].is_null()),
            "unseen": tally(&|item| is_there(item) && item["seenAt"].is_null()),
            "snoozed": tally(&|item| !item["snoozedUntil"].is_null()),
            "archived": tally(&|item| !item["archivedAt"].is_null()),
            "unreadByKind": Vec::from(["MESSAGE", "ANNOUNCEMENT", "ACTIVITY"].map(unread)),
            "unreadByCategory": categories.iter().map(unread_of).collect::<Value>(),
        })
    }
}
