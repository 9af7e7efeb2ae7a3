//! How much one person asks of one server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;

const WINDOW: Duration = Duration::from_secs(60);

/// Counts operations in windows of a minute, each from a person's first operation on.
pub struct Rates {
    most: Option<u32>,
    counts: Cache<i64, Arc<AtomicU32>>,
}

impl Rates {
    pub fn new(most: Option<u32>) -> Self {
        Rates { most, counts: Cache::builder().time_to_live(WINDOW).build() }
    }

    /// Counts one more, and says whether it is allowed.
    pub fn allows(&self, user: i64) -> bool {
        let Some(most) = self.most else { return true };
        self.counts.get_with(user, Arc::default).fetch_add(1, Ordering::Relaxed) < most
    }
}
