//! What people have written to each other in the last three weeks, as tables of text.

mod atlas;
mod customers;
mod engineering;
mod office;

use crate::messages::ReplyScope;

/// All threads, by what they are about.
pub const THREADS: [&[Message]; 4] = [atlas::THREADS, engineering::THREADS, office::THREADS, customers::THREADS];

/// The first working day of the story, counted back from the newest.
pub const FIRST_DAY: u8 = 14;

/// When something happens: so many working days before the newest one, hour and minute in UTC, between 8:00 and 17:00.
/// Who lives far away writes when it is day there.
#[derive(Clone, Copy, Debug)]
pub struct At(pub u8, pub u8, pub u8);

/// An address: the id of a person or group.
#[derive(Clone, Copy)]
pub enum To {
    User(&'static str),
    Group(&'static str),
}

/// The first message of a thread.
pub struct Message {
    pub at: At,
    /// None: the system.
    pub from: Option<&'static str>,
    pub to: &'static [To],
    pub subject: &'static str,
    pub body: &'static str,
    /// After so many days it leaves the inboxes.
    pub leaves_after: Option<i64>,
    pub reminds: Option<Reminds>,
    pub replies: &'static [Reply],
}

/// How a message reminds those who have not read it.
pub struct Reminds {
    pub frequency: &'static str,
    /// How many days that is.
    pub days: i64,
    /// Until they reply, or are deactivated.
    pub is_campaign: bool,
}

/// An answer to the message that it stands in.
pub struct Reply {
    pub at: At,
    pub from: &'static str,
    pub scope: ReplyScope,
    pub body: &'static str,
    pub replies: &'static [Reply],
}

const fn message(at: At, from: &'static str, to: &'static [To], subject: &'static str, body: &'static str) -> Message {
    Message { at, from: Some(from), to, subject, body, leaves_after: None, reminds: None, replies: &[] }
}

/// A message of the system.
const fn notice(at: At, to: &'static [To], subject: &'static str, body: &'static str) -> Message {
    Message { at, from: None, to, subject, body, leaves_after: None, reminds: None, replies: &[] }
}

/// To everybody who got the message.
const fn reply(at: At, from: &'static str, body: &'static str) -> Reply {
    Reply { at, from, scope: ReplyScope::Everyone, body, replies: &[] }
}

/// To the sender only.
const fn aside(at: At, from: &'static str, body: &'static str) -> Reply {
    Reply { at, from, scope: ReplyScope::Sender, body, replies: &[] }
}

impl Message {
    const fn replies(self, replies: &'static [Reply]) -> Self {
        Message { replies, ..self }
    }

    const fn leaves_after(self, days: i64) -> Self {
        Message { leaves_after: Some(days), ..self }
    }

    const fn reminds(self, frequency: &'static str, days: i64) -> Self {
        Message { reminds: Some(Reminds { frequency, days, is_campaign: false }), ..self }
    }

    const fn wants_a_reply(self) -> Self {
        Message { reminds: Some(Reminds { frequency: "daily", days: 1, is_campaign: true }), ..self }
    }
}

impl Reply {
    const fn replies(self, replies: &'static [Reply]) -> Self {
        Reply { replies, ..self }
    }
}
