//! Users seen recently, so that a request need not read the user's row.

use std::{sync::Arc, time::Duration};

use ::entity::user;
use moka::sync::Cache;

/// For this long, another server may not know that a user was deactivated (P11 allows two seconds).
const KEPT_FOR: Duration = Duration::from_secs(1);
const MOST_KEPT: u64 = 100_000;

/// Keyed by external id.
pub struct RecentUsers(Cache<String, Arc<user::Model>>);

impl Default for RecentUsers {
    fn default() -> Self {
        RecentUsers(Cache::builder().max_capacity(MOST_KEPT).time_to_live(KEPT_FOR).build())
    }
}

impl RecentUsers {
    pub fn get(&self, external_id: &str) -> Option<Arc<user::Model>> {
        self.0.get(external_id)
    }

    pub fn insert(&self, user: Arc<user::Model>) {
        self.0.insert(user.external_id.clone(), user);
    }

    /// Call it when a user has changed.
    pub fn forget_all(&self) {
        self.0.invalidate_all();
    }
}
