//! Ids as the API shows them: a prefix for the kind of thing, then the row's number in base 36,
//! opaque to clients.

use std::fmt::Display;

use ::entity::id::{
    ActivityId, AnnouncementId, AudienceId, GroupId, ItemId, MessageId, TargetId, UserId,
};
use sea_orm::Value;

use crate::error::{Error, Result};

/// The kinds of things that have their own ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    User,
    Group,
    Message,
    Inbox,
    InboxCounts,
    InboxItem,
    /// A person and the first message of a thread: two numbers.
    InboxThread,
    /// An address and a person: two numbers.
    MessageRecipient,
    Announcement,
    Activity,
    Target,
    /// A person and a target: two numbers.
    TargetSubscription,
    ReadReportRow,
    /// An item that is about activities has the same number.
    ActivityGroup,
    /// An address of a message.
    MessageAudience,
    /// How far a message, one of its addresses, or an announcement has been read.
    MessageStats,
    AudienceStats,
    AnnouncementStats,
    /// A message that reminds has the same number.
    Reminder,
    /// A person has the same number.
    SubscriptionConfig,
    Deactivation,
    /// An activity and a person: two numbers.
    Explanation,
    /// There is one.
    Catalog,
}

const PREFIXES: [(Kind, &str); 23] = [
    (Kind::User, "usr"),
    (Kind::Group, "grp"),
    (Kind::Message, "msg"),
    (Kind::Inbox, "inb"),
    (Kind::InboxCounts, "cnt"),
    (Kind::InboxItem, "itm"),
    (Kind::InboxThread, "thr"),
    (Kind::MessageRecipient, "rcp"),
    (Kind::Announcement, "ann"),
    (Kind::Activity, "act"),
    (Kind::Target, "tgt"),
    (Kind::TargetSubscription, "sub"),
    (Kind::ReadReportRow, "rrr"),
    (Kind::ActivityGroup, "agr"),
    (Kind::MessageAudience, "aud"),
    (Kind::MessageStats, "rsm"),
    (Kind::AudienceStats, "rsa"),
    (Kind::AnnouncementStats, "rsn"),
    (Kind::Reminder, "rem"),
    (Kind::SubscriptionConfig, "cfg"),
    (Kind::Deactivation, "dea"),
    (Kind::Explanation, "exp"),
    (Kind::Catalog, "cat"),
];

const RADIX: u32 = 36;

impl Kind {
    pub fn prefix(self) -> &'static str {
        PREFIXES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, prefix)| prefix)
    }

    /// What a person would call it, for "… not found".
    pub fn noun(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Group => "group",
            Kind::Message => "message",
            Kind::Inbox | Kind::InboxCounts => "inbox",
            Kind::InboxItem => "inbox item",
            Kind::InboxThread => "thread",
            Kind::MessageRecipient => "recipient",
            Kind::Announcement => "announcement",
            Kind::Activity => "activity",
            Kind::Target => "target",
            Kind::TargetSubscription => "subscription",
            Kind::ReadReportRow => "row of a report",
            Kind::ActivityGroup => "group of activities",
            Kind::MessageAudience => "address",
            Kind::MessageStats | Kind::AudienceStats | Kind::AnnouncementStats => "reading",
            Kind::Reminder => "reminder",
            Kind::SubscriptionConfig => "subscription config",
            Kind::Deactivation => "deactivation",
            Kind::Explanation => "explanation",
            Kind::Catalog => "catalog",
        }
    }

    /// The id of this kind with a number, where the kind is known only at runtime; otherwise
    /// [`encode`].
    pub fn encode(self, number: i64) -> String {
        format!("{}_{}", self.prefix(), base36(number))
    }
}

/// A row's id that the API shows.
pub trait Id: Copy + Into<Value> {
    const KIND: Kind;

    fn of(number: i64) -> Self;
    fn number(self) -> i64;
}

macro_rules! ids {
    ($($kind:ident: $id:ident,)*) => {$(
        impl Id for $id {
            const KIND: Kind = Kind::$kind;

            fn of(number: i64) -> Self {
                $id(number)
            }

            fn number(self) -> i64 {
                self.0
            }
        }
    )*};
}

ids! {
    User: UserId,
    Group: GroupId,
    Message: MessageId,
    InboxItem: ItemId,
    Announcement: AnnouncementId,
    Activity: ActivityId,
    Target: TargetId,
    ReadReportRow: AudienceId,
}

pub fn encode<I: Id>(id: I) -> String {
    I::KIND.encode(id.number())
}

/// An id of another kind is treated as one that does not exist.
pub fn decode<I: Id>(id: &str) -> Result<I> {
    match parse(id) {
        Some((kind, number, None)) if kind == I::KIND => Ok(I::of(number)),
        _ => Err(Error::NotFound(I::KIND.noun())),
    }
}

pub fn of_inbox(owner: UserId) -> String {
    Kind::Inbox.encode(owner.0)
}

pub fn of_counts(owner: UserId) -> String {
    Kind::InboxCounts.encode(owner.0)
}

pub fn of_thread(owner: UserId, root: MessageId) -> String {
    pair(Kind::InboxThread, owner.0, root.0)
}

pub fn of_recipient(audience: AudienceId, user: UserId) -> String {
    pair(Kind::MessageRecipient, audience.0, user.0)
}

pub fn of_subscription(user: UserId, target: TargetId) -> String {
    pair(Kind::TargetSubscription, user.0, target.0)
}

pub fn of_explanation(activity: ActivityId, user: UserId) -> String {
    pair(Kind::Explanation, activity.0, user.0)
}

fn pair(kind: Kind, first: i64, second: i64) -> String {
    format!("{}_{}_{}", kind.prefix(), base36(first), base36(second))
}

/// What an id names: its kind and its number or numbers. None if the text is not one of our ids.
pub fn parse(id: &str) -> Option<(Kind, i64, Option<i64>)> {
    let mut parts = id.split('_');
    let prefix = parts.next()?;
    let (kind, _) = PREFIXES.iter().find(|(_, known)| *known == prefix)?;
    let first = number(parts.next()?)?;
    let second = parts.next().map(number);
    match (second, parts.next()) {
        (None, None) => Some((*kind, first, None)),
        (Some(second), None) => Some((*kind, first, Some(second?))),
        _ => None,
    }
}

fn number(digits: &str) -> Option<i64> {
    i64::from_str_radix(digits, RADIX).ok().filter(|number| *number > 0 && !digits.starts_with('+'))
}

fn base36(mut number: i64) -> impl Display {
    let mut digits = Vec::new();
    while number > 0 {
        digits.extend(char::from_digit((number % i64::from(RADIX)) as u32, RADIX));
        number /= i64::from(RADIX);
    }
    digits.iter().rev().collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_by_its_own_kind_only() {
        for id in [1, 35, 36, 12_345, i64::MAX].map(MessageId) {
            assert_eq!(decode(&encode(id)), Ok(id));
            assert_eq!(decode::<UserId>(&encode(id)), Err(Error::NotFound("user")));
        }
    }

    #[test]
    fn what_is_no_id_is_not_found() {
        for id in [
            "",
            "msg",
            "msg_",
            "msg_-1",
            "msg_+1",
            "msg_0",
            "msg_zzzzzzzzzzzzzz",
            "msg_1_",
            "msg_1_2_3",
            "7",
            "é_1",
        ] {
            assert_eq!(decode::<MessageId>(id), Err(Error::NotFound("message")), "{id}");
        }
    }

    #[test]
    fn a_pair_of_numbers_comes_back() {
        assert_eq!(
            parse(&of_recipient(AudienceId(40), UserId(7))),
            Some((Kind::MessageRecipient, 40, Some(7)))
        );
    }
}
