//! The time, passed in: the system's clock in production, a clock that stands still until it is
//! moved in tests and demo data, and one that runs apart from the system's in the chaos harness.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Datelike, SubsecRound, TimeDelta, Utc};
use tokio::sync::watch;

use crate::error::{Error, Result};

/// The digits of a second that PostgreSQL keeps; SQLite and chrono would keep nanoseconds.
const SUBSECOND_DIGITS: u16 = 6;

/// A time that somebody provided, at the precision that both databases keep. Rejects years of five
/// digits: as text, which is how SQLite stores times, they would sort as past.
pub fn given(field: &str, time: DateTime<Utc>) -> Result<DateTime<Utc>> {
    match time.year() {
        0..=9999 => Ok(in_micros(time)),
        _ => Err(Error::invalid(field, "must be between the years 0 and 9999")),
    }
}

/// A time at the precision that both databases keep.
pub fn in_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(SUBSECOND_DIGITS)
}

/// No sleep is longer, so that a step of the system's clock is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub enum Clock {
    System,
    /// Stands still until somebody moves it.
    Manual(Arc<Hands>),
    /// Runs like the system's clock, ahead of it or behind by as much as somebody has moved it: for
    /// servers whose clocks differ, and for days that pass in a moment.
    Apart(Arc<Hands>),
}

/// The part of a clock that somebody moves.
pub struct Hands {
    /// The time itself, or its difference from the system's.
    micros: AtomicI64,
    moved: watch::Sender<()>,
}

impl Hands {
    fn at(micros: i64) -> Arc<Self> {
        Arc::new(Hands { micros: AtomicI64::new(micros), moved: watch::Sender::new(()) })
    }
}

impl Clock {
    pub fn manual(start: DateTime<Utc>) -> Self {
        Clock::Manual(Hands::at(start.timestamp_micros()))
    }

    pub fn apart(by: TimeDelta) -> Self {
        Clock::Apart(Hands::at(by.num_microseconds().unwrap_or_default()))
    }

    /// The time, in microseconds: the precision that both databases keep.
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Clock::System => system(),
            Clock::Manual(hands) => {
                DateTime::from_timestamp_micros(hands.micros.load(Ordering::SeqCst))
                    .unwrap_or_default()
            }
            Clock::Apart(hands) => {
                system() + TimeDelta::microseconds(hands.micros.load(Ordering::SeqCst))
            }
        }
    }

    /// Moves a clock, usually forward, and wakes everyone who sleeps by it; the system's clock
    /// moves by itself.
    pub fn advance(&self, by: TimeDelta) {
        if let Clock::Manual(hands) | Clock::Apart(hands) = self {
            hands.micros.fetch_add(by.num_microseconds().unwrap_or_default(), Ordering::SeqCst);
            hands.moved.send_replace(());
        }
    }

    /// Returns at `time` or somewhat earlier: check the clock again.
    pub async fn sleep_until(&self, time: Option<DateTime<Utc>>) {
        let left =
            || time.map_or(LONGEST_SLEEP, |time| (time - self.now()).to_std().unwrap_or_default());
        match self {
            Clock::System => tokio::time::sleep(left().min(LONGEST_SLEEP)).await,
            Clock::Manual(hands) => {
                // Before reading the clock: a move in between must wake us.
                let mut moved = hands.moved.subscribe();
                while time.is_none_or(|time| time > self.now()) {
                    if moved.changed().await.is_err() {
                        return;
                    }
                }
            }
            Clock::Apart(hands) => {
                let mut moved = hands.moved.subscribe();
                let _ = tokio::time::timeout(left().min(LONGEST_SLEEP), moved.changed()).await;
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn system() -> DateTime<Utc> {
    in_micros(Utc::now())
}
