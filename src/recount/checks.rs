//! The questions: each is one statement whose rows are what is wrong.

use chrono::{DateTime, Utc};
use sea_orm::Value;

use super::Subject;
use crate::{
    db::Dialect,
    id::Kind,
    inbox::{
        self,
        kind::{ItemKind, NotedBy, Receipts},
    },
};

/// What one pass goes through.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    People,
    Messages,
    Announcements,
}

/// A question about the rows with ids in `($1, $2]`.
pub struct Check {
    /// Its columns: the number of the subject, that of a part or NULL, and for each name what is kept and what is right.
    pub sql: String,
    /// `$3`, if there is one.
    pub value: Option<Value>,
    pub subject: fn(i64) -> Subject,
    pub part: fn(i64) -> String,
    pub names: Vec<&'static str>,
    /// What is wrong with each row, where it is not about numbers.
    pub sentence: Option<&'static str>,
}

/// A number that is kept: its name, the expression for it, and the one for what it should be.
type Pair = (&'static str, String, String);

impl Scope {
    /// The table, and what a row of it weighs.
    pub fn rows(self) -> (&'static str, &'static str) {
        match self {
            Scope::People => ("user_account", "1"),
            Scope::Messages => ("message", "recipient_count + 1"),
            Scope::Announcements => ("announcement", "seen_count + 1"),
        }
    }

    /// What to ask of each part. What expires after `stays_until` has surely not expired.
    pub fn checks(self, dialect: Dialect, stays_until: DateTime<Utc>) -> Vec<Check> {
        match self {
            Scope::People => {
                let checks = [counts(dialect), history(dialect), subscriptions(dialect)];
                checks
                    .into_iter()
                    .chain(activities())
                    .chain(over())
                    .chain(not_taken_in())
                    .chain(unnoted())
                    .collect()
            }
            Scope::Messages => vec![
                recipients("message", "m.id", "NULL", "message_id"),
                recipients("message_audience", "m.message_id", "m.id", "audience_id"),
                undelivered(stays_until),
                threads(dialect),
                without_thread(),
                reminders(),
            ],
            Scope::Announcements => vec![readers()],
        }
    }
}

/// Numbers that are not what they should be. `owner` and `part` are expressions over the rows `from`.
fn compare(
    subject: fn(i64) -> Subject,
    owner: &str,
    part: &str,
    pairs: Vec<Pair>,
    from: &str,
) -> Check {
    let column = |(index, (_, kept, right)): (usize, &Pair)| {
        format!("CAST({kept} AS bigint) AS kept{index}, CAST({right} AS bigint) AS right{index}")
    };
    let columns: Vec<_> = pairs.iter().enumerate().map(column).collect();
    let differ: Vec<_> = (0..pairs.len())
        .map(|index| format!("kept{index} IS DISTINCT FROM right{index}"))
        .collect();
    Check {
        sql: format!(
            "SELECT * FROM (SELECT {owner} AS owner, CAST({part} AS bigint) AS part, {} FROM {from}) AS c \
             WHERE {} ORDER BY owner, part",
            columns.join(", "),
            differ.join(" OR ")
        ),
        value: None,
        subject,
        part: |part| Kind::InboxItem.encode(part),
        names: pairs.into_iter().map(|(name, ..)| name).collect(),
        sentence: None,
    }
}

/// Rows that should not be there, each with what is wrong with it.
fn none(
    subject: fn(i64) -> Subject,
    owner: &str,
    (part, name): (&str, fn(i64) -> String),
    sentence: &'static str,
    from: &str,
) -> Check {
    Check {
        sql: format!(
            "SELECT DISTINCT {owner} AS owner, {part} AS part FROM {from} ORDER BY owner, part"
        ),
        value: None,
        subject,
        part: name,
        names: Vec::new(),
        sentence: Some(sentence),
    }
}

fn in_part(column: &str) -> String {
    format!("{column} > $1 AND {column} <= $2")
}

/// The counts and the positions of inboxes.
fn counts(dialect: Dialect) -> Check {
    let mut pairs: Vec<Pair> = inbox::COUNTS
        .iter()
        .map(|(name, _)| (*name, format!("b.{name}"), format!("coalesce(t.{name}, 0)")))
        .collect();
    let longest =
        dialect.greatest("b.seq", &dialect.greatest("b.purged_seq", "coalesce(t.top, 0)"));
    let announcements = dialect.least("b.announcements_pulled", "h.announcement");
    pairs.extend([
        ("seq", "b.seq".to_owned(), longest),
        (
            "announcements_since",
            "b.announcements_since".to_owned(),
            since(dialect, "b", &announcements),
        ),
        ("announcements_pulled", "b.announcements_pulled".to_owned(), announcements),
        (
            "activities_pulled",
            "b.activities_pulled".to_owned(),
            dialect.least("b.activities_pulled", "h.activity"),
        ),
    ]);
    let from = format!(
        "inbox AS b LEFT JOIN (SELECT user_id, max(seq) AS top, {} FROM inbox_item WHERE {} GROUP BY user_id) AS t \
         ON t.user_id = b.user_id CROSS JOIN (SELECT (SELECT coalesce(max(position), 0) FROM announcement) AS announcement, \
         (SELECT coalesce(max(id), 0) FROM activity) AS activity) AS h WHERE {}",
        inbox::tally(),
        in_part("user_id"),
        in_part("b.user_id")
    );
    compare(Subject::Inbox, "b.user_id", "NULL", pairs, &from)
}

/// Where the announcements stood when the owner of an inbox became known: before any that it has, and not beyond what it has
/// taken in.
pub fn since(dialect: Dialect, inbox: &str, pulled: &str) -> String {
    let since = dialect.least(&format!("{inbox}.announcements_since"), pulled);
    let before = format!(
        "(SELECT min(n.position) - 1 FROM inbox_item AS i JOIN announcement AS n ON n.id = i.announcement_id \
         WHERE i.user_id = {inbox}.user_id)"
    );
    dialect.least(&since, &format!("coalesce({before}, {since})"))
}

/// The numbers of the changes that brought items and reminded of them: not after the one that touched them last.
fn history(dialect: Dialect) -> Check {
    let pairs = ["arrived_seq", "reminded_seq"].map(|name| {
        let kept = format!("i.{name}");
        let right =
            format!("CASE WHEN {kept} IS NOT NULL THEN {} END", dialect.least(&kept, "i.seq"));
        (name, kept, right)
    });
    let from = format!("inbox_item AS i WHERE {}", in_part("i.user_id"));
    compare(Subject::Inbox, "i.user_id", "i.id", pairs.into(), &from)
}

/// What items of activities say of these, and of who did them.
fn activities() -> Vec<Check> {
    let links = |columns: &str, group: &str| {
        format!(
            "(SELECT {columns} FROM inbox_item AS x JOIN inbox_item_activity AS l ON l.item_id = x.id \
             JOIN activity AS a ON a.id = l.activity_id WHERE {} GROUP BY {group})",
            in_part("x.user_id")
        )
    };
    let pairs = vec![
        ("activity_count", "i.activity_count".to_owned(), "coalesce(t.activities, 0)".to_owned()),
        ("actor_count", "i.actor_count".to_owned(), "coalesce(t.actors, 0)".to_owned()),
        ("the latest activity", "i.activity_id".to_owned(), "t.latest".to_owned()),
        (
            "the number of its people",
            "(SELECT count(*) FROM inbox_item_actor AS p WHERE p.item_id = i.id)".to_owned(),
            "coalesce(t.actors, 0)".to_owned(),
        ),
    ];
    let of_item = links(
        "l.item_id, count(*) AS activities, count(DISTINCT coalesce(a.actor_id, 0)) AS actors, max(l.activity_id) AS latest",
        "l.item_id",
    );
    let from = format!(
        "inbox_item AS i LEFT JOIN {of_item} AS t ON t.item_id = i.id WHERE i.kind = 'activity' AND {}",
        in_part("i.user_id")
    );
    let items = compare(Subject::Inbox, "i.user_id", "i.id", pairs, &from);

    let pairs = vec![
        (
            "activity_count of a person",
            "p.activity_count".to_owned(),
            "coalesce(t.activities, 0)".to_owned(),
        ),
        (
            "the latest activity of a person",
            "p.latest_activity_id".to_owned(),
            "t.latest".to_owned(),
        ),
    ];
    let of_actor = links(
        "l.item_id, coalesce(a.actor_id, 0) AS actor_id, count(*) AS activities, max(l.activity_id) AS latest",
        "l.item_id, coalesce(a.actor_id, 0)",
    );
    let from = format!(
        "inbox_item AS i JOIN inbox_item_actor AS p ON p.item_id = i.id \
         LEFT JOIN {of_actor} AS t ON t.item_id = p.item_id AND t.actor_id = p.actor_id WHERE {}",
        in_part("i.user_id")
    );
    let actors = compare(Subject::Inbox, "i.user_id", "i.id", pairs, &from);

    let empty = format!(
        "inbox_item AS i WHERE i.kind = 'activity' AND i.removed_at IS NULL AND {} \
         AND NOT EXISTS (SELECT 1 FROM inbox_item_activity AS l WHERE l.item_id = i.id)",
        in_part("i.user_id")
    );
    let item: (&str, fn(i64) -> String) = ("i.id", |id| Kind::InboxItem.encode(id));
    let empty =
        none(Subject::Inbox, "i.user_id", item, "has no activities and is still there", &empty);

    let twice = format!(
        "(SELECT i.user_id, l.activity_id FROM inbox_item AS i JOIN inbox_item_activity AS l ON l.item_id = i.id \
         WHERE {} GROUP BY i.user_id, l.activity_id HAVING count(*) > 1) AS d",
        in_part("i.user_id")
    );
    let activity: (&str, fn(i64) -> String) = ("d.activity_id", |id| Kind::Activity.encode(id));
    let twice = none(Subject::Inbox, "d.user_id", activity, "is in it twice", &twice);
    vec![items, actors, empty, twice]
}

/// What has left the inboxes, and is in one.
fn over() -> Vec<Check> {
    const SENTENCE: &str = "is over and still there";
    let in_part = in_part("i.user_id");
    let over = |part: (&str, fn(i64) -> String), from: &str| {
        none(Subject::Inbox, "i.user_id", part, SENTENCE, from)
    };
    let of_kind = |kind: &ItemKind| {
        let ItemKind { column, table, alias, .. } = kind;
        let has_left = kind.has_left?;
        let from = format!(
            "inbox_item AS i JOIN {table} AS {alias} ON {alias}.id = i.{column} \
             WHERE {in_part} AND i.removed_at IS NULL AND {has_left}"
        );
        Some(over((&format!("{alias}.id"), kind.encode), &from))
    };
    let activities = format!(
        "inbox_item AS i JOIN inbox_item_activity AS l ON l.item_id = i.id JOIN activity AS a ON a.id = l.activity_id \
         WHERE {in_part} AND a.settled_at IS NOT NULL"
    );
    let activities = over(("a.id", |id| Kind::Activity.encode(id)), &activities);
    ItemKind::all().filter_map(of_kind).chain([activities]).collect()
}

/// Announcements that an inbox says to have taken in, and has not.
fn not_taken_in() -> [Check; 1] {
    let from = format!(
        "inbox AS b JOIN announcement AS n ON n.position > b.announcements_since AND n.position <= b.announcements_pulled \
         AND n.withdrawn_at IS NULL WHERE {} AND NOT EXISTS (SELECT 1 FROM inbox_item AS i \
         WHERE i.announcement_id = n.id AND i.user_id = b.user_id AND i.removed_at IS NULL)",
        in_part("b.user_id")
    );
    [none(
        Subject::Inbox,
        "b.user_id",
        ("n.id", |id| Kind::Announcement.encode(id)),
        "is missing",
        &from,
    )]
}

/// What somebody has seen or read in their inbox, and the sender is not told.
fn unnoted() -> Vec<Check> {
    const SENTENCE: &str = "has seen or read it, which is not noted";
    let user: (&str, fn(i64) -> String) = ("i.user_id", |id| Kind::User.encode(id));
    let is_unnoted = "(i.read_at IS NOT NULL AND r.read_at IS NULL OR i.seen_at IS NOT NULL AND r.seen_at IS NULL)";
    let in_part = in_part("i.user_id");
    let of_kind = |kind: &ItemKind| {
        let Receipts { join, noted_by } = kind.receipts.as_ref()?;
        let column = format!("i.{}", kind.column);
        let (subject, which): (fn(i64) -> Subject, _) = match noted_by {
            NotedBy::Recipient => (Subject::Message, String::new()),
            NotedBy::Reader => (Subject::Announcement, format!("{column} IS NOT NULL AND ")),
        };
        let from = format!("inbox_item AS i {join} WHERE {which}{in_part} AND {is_unnoted}");
        Some(none(subject, &column, user, SENTENCE, &from))
    };
    ItemKind::all().filter_map(of_kind).collect()
}

/// From and up to which activities subscriptions hold: not beyond what there is, and not backwards.
fn subscriptions(dialect: Dialect) -> Check {
    let since = dialect.least("s.since", "h.activity");
    let until = dialect.greatest(&since, &dialect.least("s.until", "h.activity"));
    let pairs = vec![
        ("since", "s.since".to_owned(), since),
        ("until", "s.until".to_owned(), format!("CASE WHEN s.until IS NOT NULL THEN {until} END")),
    ];
    let from = format!(
        "subscription AS s CROSS JOIN (SELECT coalesce(max(id), 0) AS activity FROM activity) AS h WHERE {}",
        in_part("s.user_id")
    );
    let check = compare(Subject::Subscriptions, "s.user_id", "s.target_id", pairs, &from);
    Check { part: |id| Kind::Target.encode(id), ..check }
}

/// How many a message, or each of its addresses, has reached, and who of them has seen and read it. Each person counts once.
fn recipients(table: &str, owner: &str, part: &str, column: &str) -> Check {
    let pairs = ["recipient_count", "seen_count", "read_count"]
        .map(|name| (name, format!("m.{name}"), format!("coalesce(t.{name}, 0)")));
    let who = |condition: &str| format!("count(DISTINCT CASE WHEN {condition} THEN r.user_id END)");
    let from = format!(
        "{table} AS m LEFT JOIN (SELECT r.{column}, {} AS recipient_count, {} AS seen_count, {} AS read_count \
         FROM message_recipient AS r WHERE {} GROUP BY r.{column}) AS t ON t.{column} = m.id WHERE {}",
        who("true"),
        who("r.seen_at IS NOT NULL"),
        who("r.read_at IS NOT NULL"),
        in_part("r.message_id"),
        in_part(owner),
    );
    let check = compare(Subject::Message, owner, part, pairs.into(), &from);
    Check { part: |id| format!("address {id}"), ..check }
}

/// Messages that have not expired and are not in the inbox of a recipient, once the delivery has come there.
fn undelivered(stays_until: DateTime<Utc>) -> Check {
    let from = format!(
        "message AS m JOIN message_recipient AS r ON r.message_id = m.id LEFT JOIN delivery AS d ON d.message_id = m.id \
         WHERE {} AND {STAYS} AND r.user_id <= coalesce(d.delivered_to, {}) AND NOT EXISTS (SELECT 1 FROM inbox_item AS i \
         WHERE i.message_id = r.message_id AND i.user_id = r.user_id AND i.removed_at IS NULL)",
        in_part("m.id"),
        i64::MAX
    );
    let user: (&str, fn(i64) -> String) = ("r.user_id", |id| Kind::User.encode(id));
    let check = none(Subject::Delivery, "m.id", user, "does not have it", &from);
    Check { value: Some(stays_until.into()), ..check }
}

/// Messages `m` that have surely not expired: not by `$3`.
pub const STAYS: &str = "m.expired_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > $3)";

/// The length of a thread's history: at least the change that touched any of its messages last.
fn threads(dialect: Dialect) -> Check {
    let latest =
        |which: &str| format!("coalesce((SELECT max(m.seq) FROM message AS m WHERE {which}), 0)");
    let of_any = dialect.greatest(&latest("m.root_id = t.root_id"), &latest("m.id = t.root_id"));
    let pairs = vec![("seq", "t.seq".to_owned(), dialect.greatest("t.seq", &of_any))];
    let from = format!("thread AS t WHERE {}", in_part("t.root_id"));
    compare(Subject::Thread, "t.root_id", "NULL", pairs, &from)
}

fn without_thread() -> Check {
    let from = format!(
        "message AS m WHERE {} AND m.seq > 0 \
         AND NOT EXISTS (SELECT 1 FROM thread AS t WHERE t.root_id = coalesce(m.root_id, m.id))",
        in_part("m.id")
    );
    let message: (&str, fn(i64) -> String) = ("m.id", |id| Kind::Message.encode(id));
    none(
        Subject::Thread,
        "coalesce(m.root_id, m.id)",
        message,
        "is in a history that does not exist",
        &from,
    )
}

/// Reminders of messages that have left the inboxes.
fn reminders() -> Check {
    let from = format!(
        "reminder AS r JOIN message AS m ON m.id = r.message_id \
         WHERE {} AND m.expired_at IS NOT NULL AND r.next_at IS NOT NULL",
        in_part("m.id")
    );
    let none_named: (&str, fn(i64) -> String) = ("CAST(NULL AS bigint)", |_| String::new());
    none(Subject::Reminder, "m.id", none_named, "goes on after the message has expired", &from)
}

/// The people who have seen and read an announcement.
fn readers() -> Check {
    let pairs =
        [("seen_count", "count(*)"), ("read_count", "count(r.read_at)")].map(|(name, count)| {
            let right = format!(
                "(SELECT {count} FROM announcement_reading AS r WHERE r.announcement_id = n.id)"
            );
            (name, format!("n.{name}"), right)
        });
    let from = format!("announcement AS n WHERE {}", in_part("n.id"));
    compare(Subject::Announcement, "n.id", "NULL", pairs.into(), &from)
}
