//! What happened in the last three weeks, as tables of text: what people wrote to each other, what
//! they did to posts and products, and what was announced.

mod atlas;
mod blog;
mod customers;
mod engineering;
mod live;
mod notices;
mod office;
mod tickets;

use crate::messages::ReplyScope;

/// All threads, by what they are about.
pub const THREADS: [&[Message]; 4] =
    [atlas::THREADS, engineering::THREADS, office::THREADS, customers::THREADS];

/// What people follow and act on.
pub const THINGS: [&[Thing]; 2] = [blog::POSTS, tickets::PRODUCTS];

/// Somebody who was there until now, and when they were erased: what they wrote stays as from
/// “somebody who left”.
pub const LEAVES: (At, &str) = (At(6, 16, 0), super::people::LEFT.id);

pub use live::{ANSWERS, COMMENTS, NEWS, NOW, TALKS};
pub use notices::ANNOUNCEMENTS;
pub use tickets::SETTINGS;

/// What the items of the story are sorted into: keys, and labels in English and German.
pub const CATEGORIES: [(&str, &str, &str); 3] = [
    ("operations", "Operations", "Betrieb"),
    ("finance", "Finance", "Geld"),
    ("discussion", "Discussion", "Austausch"),
];
/// The category of the items of an action.
pub const CATEGORY_OF_ACTION: (&str, &str) = ("comment", "discussion");

/// The first working day of the story, counted back from the newest.
pub const FIRST_DAY: u8 = 14;

/// When something happens: a number of working days before the newest one, then hour and minute in
/// UTC, between 8:00 and 17:00. People who live far away write when it is daytime there.
#[derive(Clone, Copy, Debug)]
pub struct At(pub u8, pub u8, pub u8);

/// An address: the id of a person or group.
#[derive(Clone, Copy)]
pub enum To {
    User(&'static str),
    Group(&'static str),
}

/// What the host application says besides.
#[derive(Clone, Copy)]
pub struct Extra {
    /// A key of [`CATEGORIES`].
    pub category: &'static str,
    /// Where there is more.
    pub url: &'static str,
    /// What the main action is called, which leads there.
    pub action: &'static str,
    /// Another action, and where it leads.
    pub other: Option<(&'static str, &'static str)>,
    /// JSON for the company's own application.
    pub data: Option<&'static str>,
}

/// The first message of a thread.
pub struct Message {
    pub at: At,
    /// None: the system.
    pub from: Option<&'static str>,
    pub to: &'static [To],
    pub subject: &'static str,
    pub body: &'static str,
    /// It is not sent until the day after the story.
    pub is_for_tomorrow: bool,
    /// The number of days after which it leaves the inboxes.
    pub leaves_after: Option<i64>,
    pub reminds: Option<Reminds>,
    pub extra: Option<Extra>,
    /// Somebody who mutes the thread, and when.
    pub muted: Option<(At, &'static str)>,
    pub replies: &'static [Reply],
}

/// How people who have not read a message are reminded of it.
pub struct Reminds {
    pub frequency: &'static str,
    /// The number of days.
    pub days: i64,
    /// Until they reply, or are deactivated.
    pub is_campaign: bool,
}

/// An answer to the message that contains it.
#[derive(Clone, Copy)]
pub struct Reply {
    pub at: At,
    pub from: &'static str,
    pub scope: ReplyScope,
    pub body: &'static str,
    pub replies: &'static [Reply],
}

/// A post or product of the company's own application: a target in Tidings. Its page is at
/// `/posts/<id>` or `/products/<id>`.
pub struct Thing {
    /// A target type of the catalog.
    pub kind: &'static str,
    pub id: &'static str,
    pub title: &'static str,
    pub made: At,
    /// The person who made it, and follows it from then on.
    pub owner: &'static str,
    pub doings: &'static [Doing],
}

/// Somebody acts on the thing that contains this.
pub struct Doing {
    pub at: At,
    pub by: &'static str,
    /// An action of the catalog. Anyone who likes something follows it from then on.
    pub action: &'static str,
    /// The beginning of a text, for the inboxes.
    pub preview: Option<&'static str>,
}

/// Somebody's choice whether to hear of an action.
pub struct Setting {
    pub at: At,
    pub by: &'static str,
    pub action: &'static str,
    pub wanted: bool,
}

pub struct Announcement {
    pub at: At,
    /// None: the system. Anyone else announces as an admin.
    pub by: Option<&'static str>,
    pub title: &'static str,
    pub body: &'static str,
    pub url: Option<&'static str>,
    /// A key of [`CATEGORIES`].
    pub category: Option<&'static str>,
    /// It is not published until the day after the story.
    pub is_for_tomorrow: bool,
    /// The number of days after which it leaves the inboxes.
    pub leaves_after: Option<i64>,
    pub taken_back: Option<At>,
}

const fn message(
    at: At,
    from: &'static str,
    to: &'static [To],
    subject: &'static str,
    body: &'static str,
) -> Message {
    Message {
        at,
        from: Some(from),
        to,
        subject,
        body,
        is_for_tomorrow: false,
        leaves_after: None,
        reminds: None,
        extra: None,
        muted: None,
        replies: &[],
    }
}

/// A message of the system.
const fn notice(at: At, to: &'static [To], subject: &'static str, body: &'static str) -> Message {
    Message { from: None, ..message(at, "", to, subject, body) }
}

/// Goes to everybody who got the message.
const fn reply(at: At, from: &'static str, body: &'static str) -> Reply {
    Reply { at, from, scope: ReplyScope::Everyone, body, replies: &[] }
}

/// Goes to the sender only.
const fn aside(at: At, from: &'static str, body: &'static str) -> Reply {
    Reply { at, from, scope: ReplyScope::Sender, body, replies: &[] }
}

impl Message {
    const fn replies(self, replies: &'static [Reply]) -> Self {
        Message { replies, ..self }
    }

    const fn sent_tomorrow(self) -> Self {
        Message { is_for_tomorrow: true, ..self }
    }

    const fn leaves_after(self, days: i64) -> Self {
        Message { leaves_after: Some(days), ..self }
    }

    const fn says(self, category: &'static str, url: &'static str, action: &'static str) -> Self {
        Message { extra: Some(Extra { category, url, action, other: None, data: None }), ..self }
    }

    /// Besides what it [says](Self::says) already.
    const fn also_says(self, action: &'static str, url: &'static str, data: &'static str) -> Self {
        let Some(extra) = self.extra else { return self };
        let (other, data) = (Some((action, url)), Some(data));
        Message { extra: Some(Extra { other, data, ..extra }), ..self }
    }

    const fn muted_by(self, at: At, id: &'static str) -> Self {
        Message { muted: Some((at, id)), ..self }
    }

    const fn reminds(self, frequency: &'static str, days: i64) -> Self {
        Message { reminds: Some(Reminds { frequency, days, is_campaign: false }), ..self }
    }

    const fn wants_a_reply(self) -> Self {
        Message {
            reminds: Some(Reminds { frequency: "daily", days: 1, is_campaign: true }),
            ..self
        }
    }
}

impl Reply {
    const fn replies(self, replies: &'static [Reply]) -> Self {
        Reply { replies, ..self }
    }
}

const fn thing(
    kind: &'static str,
    id: &'static str,
    made: At,
    owner: &'static str,
    title: &'static str,
) -> Thing {
    Thing { kind, id, title, made, owner, doings: &[] }
}

impl Thing {
    const fn doings(self, doings: &'static [Doing]) -> Self {
        Thing { doings, ..self }
    }
}

const fn comment(at: At, by: &'static str, text: &'static str) -> Doing {
    Doing { at, by, action: "comment", preview: Some(text) }
}

const fn like(at: At, by: &'static str) -> Doing {
    Doing { at, by, action: "like", preview: None }
}

const fn update(at: At, by: &'static str, text: &'static str) -> Doing {
    Doing { at, by, action: "update", preview: Some(text) }
}

const fn setting(at: At, by: &'static str, action: &'static str, wanted: bool) -> Setting {
    Setting { at, by, action, wanted }
}

const fn announcement(at: At, title: &'static str, body: &'static str) -> Announcement {
    Announcement {
        at,
        by: None,
        title,
        body,
        url: None,
        category: None,
        is_for_tomorrow: false,
        leaves_after: None,
        taken_back: None,
    }
}

impl Announcement {
    const fn by(self, id: &'static str) -> Self {
        Announcement { by: Some(id), ..self }
    }

    const fn url(self, url: &'static str) -> Self {
        Announcement { url: Some(url), ..self }
    }

    const fn of(self, category: &'static str) -> Self {
        Announcement { category: Some(category), ..self }
    }

    const fn tomorrow(self) -> Self {
        Announcement { is_for_tomorrow: true, ..self }
    }

    const fn leaves_after(self, days: i64) -> Self {
        Announcement { leaves_after: Some(days), ..self }
    }

    const fn taken_back(self, at: At) -> Self {
        Announcement { taken_back: Some(at), ..self }
    }
}
