//! The time, passed in: the system's in production, one that stands still until it is moved in tests and demo data.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Datelike, SubsecRound, Utc};
use tokio::sync::watch;

use crate::error::{Error, Result};

/// What PostgreSQL keeps of a second; SQLite and chrono would keep nanoseconds.
const SUBSECOND_DIGITS: u16 = 6;

/// A time that somebody gave, in what both databases keep of it. Later years have five digits: as a text, which they are on
/// SQLite, they would be in the past.
pub fn given(field: &str, time: DateTime<Utc>) -> Result<DateTime<Utc>> {
    match time.year() {
        0..=9999 => Ok(in_micros(time)),
        _ => Err(Error::invalid(field, "is between the years 0 and 9999")),
    }
}

/// What both databases keep of a time.
pub fn in_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(SUBSECOND_DIGITS)
}

/// No sleep is longer, so that a step of the system's clock is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub enum Clock {
    System,
    Manual(Arc<Manual>),
}

/// A clock that stands still until somebody moves it.
pub struct Manual {
    micros: AtomicI64,
    moved: watch::Sender<()>,
}

impl Clock {
    pub fn manual(start: DateTime<Utc>) -> Self {
        Clock::Manual(Arc::new(Manual {
            micros: AtomicI64::new(start.timestamp_micros()),
            moved: watch::Sender::new(()),
        }))
    }

    /// The time, in microseconds: what both databases keep.
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the one place")]
            Clock::System => in_micros(Utc::now()),
            Clock::Manual(manual) => {
                DateTime::from_timestamp_micros(manual.micros.load(Ordering::SeqCst)).unwrap_or_default()
            }
        }
    }

    /// Moves a manual clock forward and wakes who sleeps by it; the system's clock moves by itself.
    pub fn advance(&self, by: chrono::TimeDelta) {
        if let Clock::Manual(manual) = self {
            manual.micros.fetch_add(by.num_microseconds().unwrap_or_default(), Ordering::SeqCst);
            manual.moved.send_replace(());
        }
    }

    /// Returns at `time` or somewhat before: look at the clock again.
    pub async fn sleep_until(&self, time: Option<DateTime<Utc>>) {
        match self {
            Clock::System => {
                let left = time.map(|time| (time - self.now()).to_std().unwrap_or_default());
                tokio::time::sleep(left.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)).await;
            }
            Clock::Manual(manual) => {
                // Before the look at the clock: a move in between must wake us.
                let mut moved = manual.moved.subscribe();
                while time.is_none_or(|time| time > self.now()) {
                    if moved.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
