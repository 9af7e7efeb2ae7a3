//! How many operations one person sends to one server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use ::entity::id::UserId;
use moka::sync::Cache;

const WINDOW: Duration = Duration::from_secs(60);

/// Counts operations in windows of a minute, each starting with a person's first operation.
pub struct Rates {
    most: Option<u32>,
    counts: Cache<UserId, Arc<Window>>,
}

struct Window {
    begin: Instant,
    count: AtomicU32,
}

impl Rates {
    pub fn new(most: Option<u32>) -> Self {
        Rates { most, counts: Cache::builder().time_to_live(WINDOW).build() }
    }

    /// Counts one more operation. Fails if it exceeds the limit, with the number of seconds until
    /// the next window.
    pub fn count(&self, user: UserId) -> Result<(), u64> {
        let Some(most) = self.most else { return Ok(()) };
        let window = || Arc::new(Window { begin: Instant::now(), count: AtomicU32::new(0) });
        let window = self.counts.get_with(user, window);
        match window.count.fetch_add(1, Ordering::Relaxed) < most {
            true => Ok(()),
            false => Err(WINDOW.saturating_sub(window.begin.elapsed()).as_secs() + 1),
        }
    }
}
