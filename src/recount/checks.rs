//! The checks, by what one pass goes through.

use super::{
    activities, contents, inboxes,
    question::{Check, Range},
    reading, subscriptions, threads,
};

/// What one pass goes through.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    People,
    Messages,
    Announcements,
}

impl Scope {
    /// The table, and the weight of one of its rows.
    pub fn rows(self) -> (&'static str, &'static str) {
        match self {
            Scope::People => ("user_account", "1"),
            Scope::Messages => ("message", "recipient_count + 1"),
            Scope::Announcements => ("announcement", "seen_count + 1"),
        }
    }

    /// The checks of each part.
    pub fn checks(self, range: Range) -> Vec<Check> {
        match self {
            Scope::People => inboxes::checks(range)
                .into_iter()
                .chain([subscriptions::check(range)])
                .chain(activities::checks(range))
                .chain(contents::left(range))
                .chain([contents::not_taken_in(range)])
                .chain(reading::unnoted(range))
                .collect(),
            Scope::Messages => reading::of_messages(range)
                .into_iter()
                .chain([contents::undelivered(range)])
                .chain(threads::checks(range))
                .collect(),
            Scope::Announcements => vec![reading::of_announcements(range)],
        }
    }
}
