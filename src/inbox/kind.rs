//! What a kind of item is: how its items are joined, read, searched and counted, what reading them
//! records, and when they leave. What an item shows is in `show`.
//!
//! How an item comes in is not here: `deliver` and `notifications::pull` insert the items of the
//! kinds that they know, and count them. `receipts` knows the tables in which readings are noted.
//!
//! A new kind needs a value of [`Kind`] and a column of `inbox_item` with the id of what its items
//! are about (the entity and a migration), an [`ItemKind`] with its [`Subject`] here, and its
//! GraphQL type. The compiler points out every match on a kind, since none has a wildcard, but not
//! what is written as SQL: docs/contributing/item-kind.md lists those places.

use std::sync::{Arc, LazyLock};

use ::entity::{
    activity, announcement,
    id::{AnnouncementId, MessageId},
    inbox,
    inbox_item::{self, Kind},
    message, target, user,
};
use sea_orm::Iterable;
use serde::{Deserialize, Deserializer};

use super::{
    activities::{Activities, LATEST_ACTORS},
    item::{BEGINNING, Columns},
};
use crate::{db::Dialect, id, search};

/// What all items of a kind have in common.
pub struct ItemKind {
    pub kind: Kind,
    /// The column of `inbox_item` with the id of what an item is about, and the table of that id.
    pub column: &'static str,
    pub table: &'static str,
    /// The alias of that table where it is joined to an item `i`.
    pub alias: &'static str,
    /// Further joins, for the values that are read.
    joins: &'static str,
    /// The values that are read with an item: JSON values for [`Pieces`]. The second argument is
    /// the number of a [`Texts`](super::Texts), as an expression.
    values: fn(Dialect, &str, Columns) -> String,
    /// Whether the row has a text column `body`, which may be long.
    pub has_body: bool,
    /// What a search of an inbox looks through.
    pub searched: search::Searched,
    /// The count of its unread items. None: its items are the part of `unread` that no other kind
    /// counts.
    pub counter: Option<Counter>,
    /// Where it is recorded that an item was seen or read. None: nobody is told.
    pub receipts: Option<Receipts>,
    /// The condition that a row `alias` has left all inboxes. None: its items do not leave all at
    /// once.
    pub has_left: Option<&'static str>,
    /// The opaque id of what an item is about, from the number of its row.
    pub encode: fn(i64) -> String,
}

/// A column of `inbox`.
pub struct Counter {
    pub column: &'static str,
    of: fn(&inbox::Model) -> i32,
}

/// The records of who has seen and read what items are about.
pub struct Receipts {
    /// Joins the records `r` to an item `i`.
    pub join: &'static str,
    pub noted_by: NotedBy,
}

/// How receipts are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotedBy {
    /// In `message_recipient`: a row for each recipient and each address that reached them.
    Recipient,
    /// In `announcement_reading`: a row for each reader, created when they first see it.
    Reader,
}

pub static MESSAGE: ItemKind = ItemKind {
    kind: Kind::Message,
    column: "message_id",
    table: "message",
    alias: "m",
    joins: " LEFT JOIN user_account AS s ON s.id = m.sender_id",
    values: message_values,
    has_body: true,
    searched: search::Searched::Message,
    counter: None,
    receipts: Some(Receipts {
        join: "JOIN message_recipient AS r \
               ON r.message_id = i.message_id AND r.user_id = i.user_id",
        noted_by: NotedBy::Recipient,
    }),
    has_left: Some(
        "m.expired_at IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM expiry AS e WHERE e.message_id = m.id)",
    ),
    encode: |id| id::Kind::Message.encode(id),
};

pub static ANNOUNCEMENT: ItemKind = ItemKind {
    kind: Kind::Announcement,
    column: "announcement_id",
    table: "announcement",
    alias: "n",
    joins: " LEFT JOIN user_account AS c ON c.id = n.author_id",
    values: announcement_values,
    has_body: true,
    searched: search::Searched::Announcement,
    counter: Some(Counter {
        column: "unread_announcements",
        of: |inbox| inbox.unread_announcements,
    }),
    receipts: Some(Receipts {
        join: "LEFT JOIN announcement_reading AS r \
               ON r.announcement_id = i.announcement_id AND r.user_id = i.user_id",
        noted_by: NotedBy::Reader,
    }),
    has_left: Some("n.settled_at IS NOT NULL"),
    encode: |id| id::Kind::Announcement.encode(id),
};

/// Activities leave one by one, and their item leaves with the last of them.
pub static ACTIVITY: ItemKind = ItemKind {
    kind: Kind::Activity,
    column: "target_id",
    table: "target",
    alias: "t",
    joins: "",
    values: activity_values,
    has_body: false,
    searched: search::Searched::Target,
    counter: Some(Counter { column: "unread_activities", of: |inbox| inbox.unread_activities }),
    receipts: None,
    has_left: None,
    encode: |id| id::Kind::Target.encode(id),
};

impl ItemKind {
    pub fn of(kind: Kind) -> &'static Self {
        match kind {
            Kind::Message => &MESSAGE,
            Kind::Announcement => &ANNOUNCEMENT,
            Kind::Activity => &ACTIVITY,
        }
    }

    pub fn all() -> impl Iterator<Item = &'static Self> {
        Kind::iter().map(Self::of)
    }

    /// Its value in `inbox_item.kind`.
    pub fn name(&self) -> String {
        sea_orm::ActiveEnum::to_value(&self.kind)
    }
}

/// How many unread items of each kind an inbox has.
pub fn unread_by_kind(inbox: &inbox::Model) -> Vec<(Kind, i32)> {
    let counted = |kind: &ItemKind| kind.counter.as_ref().map(|counter| (counter.of)(inbox));
    let rest = inbox.unread - ItemKind::all().filter_map(counted).sum::<i32>();
    ItemKind::all().map(|kind| (kind.kind, counted(kind).unwrap_or(rest))).collect()
}

/// What leaves all inboxes at once.
#[derive(Clone, Copy, Debug)]
pub enum About {
    Message(MessageId),
    Announcement(AnnouncementId),
}

impl About {
    /// The kind of its items, and the number of its row.
    pub fn kind_and_id(self) -> (&'static ItemKind, i64) {
        match self {
            About::Message(id) => (&MESSAGE, id.0),
            About::Announcement(id) => (&ANNOUNCEMENT, id.0),
        }
    }
}

/// What an item is about. How much of its text it has depends on the [`Texts`](super::Texts) that
/// it was read with.
#[derive(Clone, Debug)]
pub enum Subject {
    Message { message: Arc<message::Model>, sender: Option<Arc<user::Model>> },
    Announcement { announcement: Arc<announcement::Model>, author: Option<Arc<user::Model>> },
    Activities(Arc<Activities>),
}

impl Subject {
    /// The part of its text that was read.
    pub fn text(&self) -> &str {
        match self {
            Subject::Message { message, .. } => &message.body,
            Subject::Announcement { announcement, .. } => &announcement.body,
            Subject::Activities(activities) => activities
                .latest
                .as_ref()
                .and_then(|latest| latest.data.as_deref())
                .unwrap_or_default(),
        }
    }

    /// The kind of its items, and the number of its row.
    pub fn key(&self) -> (Kind, i64) {
        match self {
            Subject::Message { message, .. } => (Kind::Message, message.id.0),
            Subject::Announcement { announcement, .. } => (Kind::Announcement, announcement.id.0),
            Subject::Activities(activities) => (Kind::Activity, activities.target.id.0),
        }
    }

    /// Itself with this text as its `body`, if it has one.
    pub fn with_body(self, body: String) -> Self {
        match self {
            Subject::Message { message, sender } => {
                let message = message::Model { body, ..Arc::unwrap_or_clone(message) };
                Subject::Message { message: Arc::new(message), sender }
            }
            Subject::Announcement { announcement, author } => {
                let announcement =
                    announcement::Model { body, ..Arc::unwrap_or_clone(announcement) };
                Subject::Announcement { announcement: Arc::new(announcement), author }
            }
            Subject::Activities(_) => self,
        }
    }
}

/// An item as the statement returns it: the values of all kinds in their order, of which only those
/// of its own kind are present.
#[derive(Deserialize)]
pub struct Pieces {
    #[serde(deserialize_with = "shared")]
    pub row: Arc<inbox_item::Model>,
    #[serde(deserialize_with = "shared_if_any")]
    message: Option<Arc<message::Model>>,
    #[serde(deserialize_with = "shared_if_any")]
    sender: Option<Arc<user::Model>>,
    #[serde(deserialize_with = "shared_if_any")]
    announcement: Option<Arc<announcement::Model>>,
    #[serde(deserialize_with = "shared_if_any")]
    author: Option<Arc<user::Model>>,
    #[serde(deserialize_with = "shared_if_any")]
    activities: Option<Arc<Activities>>,
    /// Bytes of its text if all of it is wanted; 0 otherwise.
    pub text_size: usize,
}

impl Pieces {
    /// Bytes of what it has to tell, with all of its text if that is wanted.
    pub fn size(&self) -> usize {
        let of = |data: &Option<String>| data.as_ref().map_or(0, String::len);
        let latest = self.activities.as_ref().and_then(|activities| activities.latest.as_ref());
        self.text_size
            + self.message.as_ref().map_or(0, |message| of(&message.data))
            + self.announcement.as_ref().map_or(0, |announcement| of(&announcement.data))
            + latest.map_or(0, |latest| of(&latest.data))
    }

    /// What the item is about, and its row.
    pub fn into_subject(self) -> (Option<Subject>, Arc<inbox_item::Model>) {
        let Pieces { row, message, sender, announcement, author, activities, .. } = self;
        let subject = match row.kind {
            Kind::Message => message.map(|message| Subject::Message { message, sender }),
            Kind::Announcement => {
                announcement.map(|announcement| Subject::Announcement { announcement, author })
            }
            Kind::Activity => activities.map(Subject::Activities),
        };
        (subject, row)
    }
}

/// Puts a value where it is shared as soon as it is read: otherwise a page would move it many times.
fn shared<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Arc<T>, D::Error> {
    T::deserialize(deserializer).map(Arc::new)
}

fn shared_if_any<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Arc<T>>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(Arc::new))
}

/// Joins what an item `i` is about.
pub static ABOUT: LazyLock<String> = LazyLock::new(|| {
    let join = |ItemKind { column, table, alias, joins, .. }: &ItemKind| {
        format!("LEFT JOIN {table} AS {alias} ON {alias}.id = i.{column}{joins}")
    };
    ItemKind::all().map(join).collect::<Vec<_>>().join(" ")
});

/// The [`Pieces`] of an item `i` with [`ABOUT`]; `texts` is an expression for the number of a
/// [`Texts`](super::Texts).
pub fn pieces(dialect: Dialect, texts: &str, columns: Columns) -> String {
    let values = |kind: &ItemKind| (kind.values)(dialect, texts, columns);
    let values: Vec<_> = ItemKind::all().map(values).collect();
    let sizes = ItemKind::all().filter(|kind| kind.has_body);
    let sizes: Vec<_> = sizes.map(|kind| format!("octet_length({}.body)", kind.alias)).collect();
    let pieces = dialect.json_array(&format!(
        "{}, {}, CASE WHEN {texts} > 1 THEN coalesce({}, 0) ELSE 0 END",
        dialect.json_row_with::<inbox_item::Entity>("i", left_out(columns, &NOT_LISTED_OF_ITEMS)),
        values.join(", "),
        sizes.join(", "),
    ));
    // An inbox without changes has a row, but no item.
    format!("CASE WHEN i.id IS NOT NULL THEN {pieces} END")
}

fn message_values(dialect: Dialect, texts: &str, columns: Columns) -> String {
    let left_out_of_messages = left_out(columns, &NOT_LISTED_OF_MESSAGES);
    let beginning = beginning("m", texts);
    let instead = |column: &str| left_out_of_messages(column).or_else(|| beginning(column));
    format!(
        "{}, {}",
        dialect.json_row_with::<message::Entity>("m", instead),
        dialect.json_row_with::<user::Entity>("s", left_out(columns, &NOT_LISTED_OF_PEOPLE))
    )
}

fn announcement_values(dialect: Dialect, texts: &str, _: Columns) -> String {
    format!(
        "{}, {}",
        dialect.json_row_with::<announcement::Entity>("n", beginning("n", texts)),
        dialect.json_row::<user::Entity>("c")
    )
}

fn activity_values(dialect: Dialect, texts: &str, _: Columns) -> String {
    let latest = format!(
        "(SELECT {} FROM activity AS l WHERE l.id = i.activity_id)",
        dialect.json_row::<activity::Entity>("l")
    );
    let latest = format!("CASE WHEN {texts} > 0 THEN {latest} END");
    let actors = format!(
        "(SELECT x.* FROM inbox_item_actor AS p LEFT JOIN user_account AS x ON x.id = p.actor_id \
         WHERE p.item_id = i.id ORDER BY p.latest_activity_id DESC LIMIT {LATEST_ACTORS}) AS u"
    );
    let actors = dialect.json_list_of(&dialect.json_row::<user::Entity>("u"), &actors);
    let activities = dialect.json_array(&format!(
        "{}, {}, (SELECT o.locale FROM user_account AS o WHERE o.id = i.user_id), {actors}",
        dialect.json_row::<target::Entity>("t"),
        dialect.json_value(&latest),
    ));
    dialect.json_value(&format!("CASE WHEN t.id IS NOT NULL THEN {activities} END"))
}

/// What lists of items do not show: `graphql::inbox::items` knows the fields that they do.
const NOT_LISTED_OF_ITEMS: [&str; 4] = ["seq", "arrived_seq", "activity_count", "reminded_seq"];
const NOT_LISTED_OF_MESSAGES: [&str; 14] = [
    "parent_id",
    "root_id",
    "depth",
    "path",
    "seq",
    "recipient_count",
    "seen_count",
    "read_count",
    "replied_count",
    "first_read_at",
    "last_read_at",
    "expires_at",
    "expired_at",
    "send_at",
];
const NOT_LISTED_OF_PEOPLE: [&str; 6] =
    ["email", "locale", "time_zone", "deactivated_at", "deactivated_by", "deactivation_reason"];

/// NULL in place of columns that are left out: a value costs PostgreSQL a look at its type.
fn left_out(columns: Columns, not_listed: &[&str]) -> impl Fn(&str) -> Option<String> {
    move |column| {
        let is_left_out = columns == Columns::Listed && not_listed.contains(&column);
        is_left_out.then(|| "NULL".into())
    }
}

/// The beginning of a row's `body` in place of the whole; its `data` and `actions` if any texts are
/// wanted. A CASE, because a long text, which is stored elsewhere, is fetched only if it is used.
fn beginning(alias: &str, texts: &str) -> impl Fn(&str) -> Option<String> {
    let beginning =
        format!("CASE WHEN {texts} > 0 THEN substr({alias}.body, 1, {BEGINNING}) ELSE '' END");
    let wanted = format!("CASE WHEN {texts} > 0 THEN {alias}");
    move |column| match column {
        "body" => Some(beginning.clone()),
        "data" | "actions" => Some(format!("{wanted}.{column} END")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_described_once_under_its_own_name() {
        for (kind, described) in Kind::iter().zip(ItemKind::all()) {
            assert_eq!(described.kind, kind);
        }
        let names: Vec<_> = ItemKind::all().map(ItemKind::name).collect();
        assert_eq!(names, ["message", "announcement", "activity"]);
    }

    #[test]
    fn messages_are_the_unread_that_no_other_kind_counts() {
        let uncounted = ItemKind::all().filter(|kind| kind.counter.is_none());
        assert_eq!(uncounted.count(), 1);
    }
}
