//! Checks whether the data kept beside the items and recipients follows from them: counts,
//! positions, readings, and that everything that was sent is where it belongs. Also mends what is
//! wrong.
//!
//! [`check`] looks at a live database. Each of its questions is one statement, which sees a single
//! moment, and is about something that every transaction leaves in order; so concurrent writes
//! cause no findings. It goes through people, messages and announcements in parts, and locks
//! nothing. [`mend`] works under the locks that all writers take, checks again there, and makes
//! clients reload the inboxes that it has mended.
//!
//! Each part says what must hold once, and both checks and mends it: `inboxes` the counts, positions
//! and changes of inboxes, `contents` what is in them, `activities` the items of activities,
//! `reading` the records of what was read, `threads` the history of threads, and reminders, `subscriptions`
//! their ranges. `question` is what checks are made of; `checks` and `mend` list the parts.

mod activities;
mod checks;
mod contents;
mod inboxes;
mod mend;
mod question;
mod reading;
mod subscriptions;
mod threads;

use std::fmt;

use ::entity::id::{AnnouncementId, MessageId, UserId};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::{
    db::{Dialect, Sql},
    error::{Error, Result},
    id,
};
use checks::Scope;
use question::{Check, Range};

pub use mend::mend;

/// How many people one statement looks at.
const MOST_PEOPLE: i64 = 500;
/// How many recipients, or readers, one statement looks at, unless it is about one message or
/// announcement.
const MOST_RECIPIENTS: i64 = 100_000;
/// The clock of the server that expires something may be this far ahead of ours.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(5);

/// The id of the last activity.
const LATEST_ACTIVITY: &str = "(SELECT coalesce(max(id), 0) FROM activity)";

/// Something whose numbers or contents are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub place: Place,
    /// A part of it, as the number of its row.
    part: Option<i64>,
    /// The whole finding, for people.
    text: String,
}

/// Where something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The inbox of this user.
    Inbox(UserId),
    /// This message is missing from the inbox of a user, who is the part.
    Delivery(MessageId),
    /// How far this message has been read, and by whom.
    Message(MessageId),
    /// How far this announcement has been read, and by whom.
    Announcement(AnnouncementId),
    /// The thread below this root message.
    Thread(MessageId),
    /// The reminder of this message.
    Reminder(MessageId),
    /// What this user follows.
    Subscriptions(UserId),
}

/// What was looked at and what was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub findings: Vec<Finding>,
    pub people: i64,
    pub items: i64,
    pub messages: i64,
    pub recipients: i64,
    pub announcements: i64,
}

/// Checks everything. `now` is for what expires.
pub async fn check(connection: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<Report> {
    let mut report = Report::default();
    let (dialect, stays_until) = (Dialect::of(connection), now + CLOCKS_DIFFER);
    for (scope, most) in [
        (Scope::People, MOST_PEOPLE),
        (Scope::Messages, MOST_RECIPIENTS),
        (Scope::Announcements, MOST_RECIPIENTS),
    ] {
        let mut after = 0;
        while let Some(part) = next_part(connection, scope, after, most).await? {
            let range = Range { dialect, after, up_to: part.up_to, stays_until };
            for question in scope.checks(range) {
                report.findings.extend(ask(connection, question).await?);
            }
            match scope {
                Scope::People => {
                    report.people += part.rows;
                    let mut sql = range.sql("recount::items");
                    let in_range = range.has(&mut sql, "user_id");
                    sql.push(format!("SELECT count(*) FROM inbox_item WHERE {in_range}"));
                    report.items += sql.value::<i64>(connection).await?.unwrap_or(0);
                }
                Scope::Messages => {
                    report.messages += part.rows;
                    report.recipients += part.weight - part.rows;
                }
                Scope::Announcements => report.announcements += part.rows,
            }
            after = part.up_to;
        }
    }
    Ok(report)
}

/// Some consecutive rows.
struct Part {
    up_to: i64,
    rows: i64,
    weight: i64,
}

/// The rows after an id whose total weight is at most `most`, but at least one row.
async fn next_part(
    connection: &impl ConnectionTrait,
    scope: Scope,
    after: i64,
    most: i64,
) -> Result<Option<Part>> {
    let (table, weight) = scope.rows();
    #[derive(FromQueryResult)]
    struct Weighed {
        id: i64,
        weight: i64,
    }
    let mut sql = Sql::new("recount::next_part", Dialect::of(connection));
    let after = sql.bind(after);
    sql.push(format!(
        "SELECT id, CAST({weight} AS bigint) AS weight FROM {table} WHERE id > {after} \
         ORDER BY id LIMIT {MOST_PEOPLE}"
    ));
    let mut part: Option<Part> = None;
    for Weighed { id, weight } in sql.all(connection).await? {
        match &mut part {
            Some(part) if part.weight + weight > most => break,
            Some(part) => {
                *part = Part { up_to: id, rows: part.rows + 1, weight: part.weight + weight }
            }
            None => part = Some(Part { up_to: id, rows: 1, weight }),
        }
    }
    Ok(part)
}

async fn ask(connection: &impl ConnectionTrait, check: Check) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for row in check.sql.rows(connection).await? {
        let place = (check.place)(row.try_get_by_index(0)?);
        let part: Option<i64> = row.try_get_by_index(1)?;
        let named = match part {
            Some(part) => format!("{place}, {}", (check.part)(part)),
            None => place.to_string(),
        };
        let mut found = |text: String| findings.push(Finding { place, part, text });
        if let Some(sentence) = check.sentence {
            found(format!("{named} {sentence}"));
        }
        for (index, name) in check.names.iter().enumerate() {
            let value = |index| Ok::<Option<i64>, Error>(row.try_get_by_index(index)?);
            let (kept, right) = (value(2 + 2 * index)?, value(3 + 2 * index)?);
            if kept != right {
                let show = |value: Option<i64>| {
                    value.map_or("nothing".to_owned(), |value| value.to_string())
                };
                found(format!("{named}: {name} is {}, and should be {}", show(kept), show(right)));
            }
        }
    }
    Ok(findings)
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Inbox(user) => write!(f, "the inbox of {}", id::encode(*user)),
            Place::Delivery(message) | Place::Message(message) => {
                f.write_str(&id::encode(*message))
            }
            Place::Announcement(announcement) => f.write_str(&id::encode(*announcement)),
            Place::Thread(root) => write!(f, "the thread of {}", id::encode(*root)),
            Place::Reminder(message) => {
                write!(f, "the reminder of {}", id::encode(*message))
            }
            Place::Subscriptions(user) => {
                write!(f, "the subscriptions of {}", id::encode(*user))
            }
        }
    }
}

impl fmt::Display for Report {
    /// The findings, one per line, and what was looked at.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        let Report { findings, people, items, messages, recipients, announcements } = self;
        write!(
            f,
            "{people} people with {items} items, {messages} messages to {recipients} recipients, \
             {announcements} announcements: "
        )?;
        match findings.len() {
            0 => writeln!(f, "everything is right"),
            1 => writeln!(f, "1 thing is wrong"),
            wrong => writeln!(f, "{wrong} things are wrong"),
        }
    }
}
