//! The questions: each is one statement whose rows are the errors.

use ::entity::id::{AnnouncementId, MessageId, UserId};
use chrono::{DateTime, Utc};

use super::Place;
use crate::{
    db::{Dialect, Sql},
    id::Kind,
    inbox::{
        self,
        kind::{ItemKind, NotedBy, Receipts},
    },
    sweep::{self, Pass},
};

/// What one pass goes through.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    People,
    Messages,
    Announcements,
}

/// The rows that a question is about: those with ids in `(after, up_to]`.
#[derive(Clone, Copy)]
pub struct Range {
    pub dialect: Dialect,
    pub after: i64,
    pub up_to: i64,
    /// What expires after this time has certainly not expired yet.
    pub stays_until: DateTime<Utc>,
}

impl Range {
    pub fn sql(self, name: &'static str) -> Sql {
        Sql::new(name, self.dialect)
    }

    /// The condition that a column is within the range.
    pub fn has(self, sql: &mut Sql, column: &str) -> String {
        let (after, up_to) = (sql.bind(self.after), sql.bind(self.up_to));
        format!("{column} > {after} AND {column} <= {up_to}")
    }
}

/// A question about some rows.
pub struct Check {
    /// Its columns: the number of the place, that of a part or NULL, and for each name the stored
    /// and the correct value.
    pub sql: Sql,
    pub place: fn(i64) -> Place,
    pub part: fn(i64) -> String,
    pub names: Vec<&'static str>,
    /// What is wrong with each row, if it is not about numbers.
    pub sentence: Option<&'static str>,
}

fn of_inbox(user: i64) -> Place {
    Place::Inbox(UserId(user))
}

fn of_message(message: i64) -> Place {
    Place::Message(MessageId(message))
}

fn of_announcement(announcement: i64) -> Place {
    Place::Announcement(AnnouncementId(announcement))
}

fn of_thread(root: i64) -> Place {
    Place::Thread(MessageId(root))
}

/// A stored number: its name, the expression for it, and the expression for what it should be.
type Pair = (&'static str, String, String);

impl Scope {
    /// The table, and the weight of one of its rows.
    pub fn rows(self) -> (&'static str, &'static str) {
        match self {
            Scope::People => ("user_account", "1"),
            Scope::Messages => ("message", "recipient_count + 1"),
            Scope::Announcements => ("announcement", "seen_count + 1"),
        }
    }

    /// The questions to ask about each part.
    pub fn checks(self, range: Range) -> Vec<Check> {
        match self {
            Scope::People => {
                let checks =
                    [counts(range), by_category(range), history(range), subscriptions(range)];
                checks
                    .into_iter()
                    .chain(activities(range))
                    .chain(over(range))
                    .chain([not_taken_in(range)])
                    .chain(unnoted(range))
                    .collect()
            }
            Scope::Messages => {
                let of_messages = range.sql("recount::recipients");
                let of_addresses = range.sql("recount::recipients_by_address");
                let address = ["message_audience", "m.message_id", "m.id", "audience_id"];
                vec![
                    recipients(range, of_messages, ["message", "m.id", "NULL", "message_id"]),
                    recipients(range, of_addresses, address),
                    undelivered(range),
                    threads(range),
                    without_thread(range),
                    reminders(range),
                ]
            }
            Scope::Announcements => vec![readers(range)],
        }
    }
}

/// Finds numbers that are not what they should be. `owner` and `part` are expressions over the rows
/// `from`.
fn compare(
    mut sql: Sql,
    place: fn(i64) -> Place,
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
    sql.push(format!(
        "SELECT * FROM \
         (SELECT {owner} AS owner, CAST({part} AS bigint) AS part, {} FROM {from}) AS c \
         WHERE {} ORDER BY owner, part",
        columns.join(", "),
        differ.join(" OR ")
    ));
    Check {
        sql,
        place,
        part: |part| Kind::InboxItem.encode(part),
        names: pairs.into_iter().map(|(name, ..)| name).collect(),
        sentence: None,
    }
}

/// Finds rows that should not exist, each with what is wrong with it.
fn none(
    mut sql: Sql,
    place: fn(i64) -> Place,
    owner: &str,
    (part, name): (&str, fn(i64) -> String),
    sentence: &'static str,
    from: &str,
) -> Check {
    sql.push(format!(
        "SELECT DISTINCT {owner} AS owner, {part} AS part FROM {from} ORDER BY owner, part"
    ));
    Check { sql, place, part: name, names: Vec::new(), sentence: Some(sentence) }
}

/// The counts and the positions of inboxes.
fn counts(range: Range) -> Check {
    let dialect = range.dialect;
    let mut sql = range.sql("recount::counts");
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
        "inbox AS b LEFT JOIN (SELECT user_id, max(seq) AS top, {} \
         FROM inbox_item WHERE {} GROUP BY user_id) AS t ON t.user_id = b.user_id CROSS JOIN \
         (SELECT (SELECT coalesce(max(position), 0) FROM announcement) AS announcement, \
         (SELECT coalesce(max(id), 0) FROM activity) AS activity) AS h WHERE {}",
        inbox::tally(dialect),
        range.has(&mut sql, "user_id"),
        range.has(&mut sql, "b.user_id")
    );
    compare(sql, of_inbox, "b.user_id", "NULL", pairs, &from)
}

/// The counts of unread items by category.
fn by_category(range: Range) -> Check {
    let mut sql = range.sql("recount::by_category");
    let (in_range, items_in_range) =
        (range.has(&mut sql, "b.user_id"), range.has(&mut sql, "i.user_id"));
    let kept = range.dialect.json_members("b.unread_by_category");
    let from = format!(
        "(SELECT u.user_id, sum(u.kept) AS kept, sum(u.counted) AS counted FROM \
         (SELECT b.user_id, k.key AS category, CAST(k.value AS bigint) AS kept, 0 AS counted \
         FROM inbox AS b CROSS JOIN {kept} AS k WHERE {in_range} UNION ALL \
         SELECT i.user_id, i.category, 0, count(*) FROM inbox_item AS i \
         WHERE {items_in_range} AND removed_at IS NULL AND {} AND category IS NOT NULL \
         GROUP BY i.user_id, i.category) AS u GROUP BY u.user_id, u.category) AS d",
        inbox::UNREAD
    );
    let pairs = vec![("unread of a category", "d.kept".to_owned(), "d.counted".to_owned())];
    compare(sql, of_inbox, "d.user_id", "NULL", pairs, &from)
}

/// The position of the announcements when the owner of an inbox became known: before any
/// announcement that the inbox has, and not beyond what it has taken in.
pub fn since(dialect: Dialect, inbox: &str, pulled: &str) -> String {
    let since = dialect.least(&format!("{inbox}.announcements_since"), pulled);
    let before = format!(
        "(SELECT min(n.position) - 1 FROM inbox_item AS i \
         JOIN announcement AS n ON n.id = i.announcement_id WHERE i.user_id = {inbox}.user_id)"
    );
    dialect.least(&since, &format!("coalesce({before}, {since})"))
}

/// The numbers of the changes that brought items and sent reminders of them: not later than the
/// number of the last change that touched them.
fn history(range: Range) -> Check {
    let mut sql = range.sql("recount::history");
    let pairs = ["arrived_seq", "reminded_seq"].map(|name| {
        let kept = format!("i.{name}");
        let right = format!(
            "CASE WHEN {kept} IS NOT NULL THEN {} END",
            range.dialect.least(&kept, "i.seq")
        );
        (name, kept, right)
    });
    let from = format!("inbox_item AS i WHERE {}", range.has(&mut sql, "i.user_id"));
    compare(sql, of_inbox, "i.user_id", "i.id", pairs.into(), &from)
}

/// What items of activities say about the activities, and about who did them.
fn activities(range: Range) -> Vec<Check> {
    let links = |sql: &mut Sql, columns: &str, group: &str| {
        format!(
            "(SELECT {columns} FROM inbox_item AS x \
             JOIN inbox_item_activity AS l ON l.item_id = x.id \
             JOIN activity AS a ON a.id = l.activity_id WHERE {} GROUP BY {group})",
            range.has(sql, "x.user_id")
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
    let mut sql = range.sql("recount::activities");
    let of_item = links(
        &mut sql,
        "l.item_id, count(*) AS activities, count(DISTINCT coalesce(a.actor_id, 0)) AS actors, \
         max(l.activity_id) AS latest",
        "l.item_id",
    );
    let from = format!(
        "inbox_item AS i LEFT JOIN {of_item} AS t ON t.item_id = i.id \
         WHERE i.kind = 'activity' AND {}",
        range.has(&mut sql, "i.user_id")
    );
    let items = compare(sql, of_inbox, "i.user_id", "i.id", pairs, &from);

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
    let mut sql = range.sql("recount::actors");
    let of_actor = links(
        &mut sql,
        "l.item_id, coalesce(a.actor_id, 0) AS actor_id, count(*) AS activities, \
         max(l.activity_id) AS latest",
        "l.item_id, coalesce(a.actor_id, 0)",
    );
    let from = format!(
        "inbox_item AS i JOIN inbox_item_actor AS p ON p.item_id = i.id \
         LEFT JOIN {of_actor} AS t ON t.item_id = p.item_id AND t.actor_id = p.actor_id WHERE {}",
        range.has(&mut sql, "i.user_id")
    );
    let actors = compare(sql, of_inbox, "i.user_id", "i.id", pairs, &from);

    let mut sql = range.sql("recount::empty");
    let empty = format!(
        "inbox_item AS i WHERE i.kind = 'activity' AND i.removed_at IS NULL AND {} \
         AND NOT EXISTS (SELECT 1 FROM inbox_item_activity AS l WHERE l.item_id = i.id)",
        range.has(&mut sql, "i.user_id")
    );
    let item: (&str, fn(i64) -> String) = ("i.id", |id| Kind::InboxItem.encode(id));
    let empty =
        none(sql, of_inbox, "i.user_id", item, "has no activities and is still there", &empty);

    let mut sql = range.sql("recount::twice");
    let twice = format!(
        "(SELECT i.user_id, l.activity_id FROM inbox_item AS i \
         JOIN inbox_item_activity AS l ON l.item_id = i.id \
         WHERE {} GROUP BY i.user_id, l.activity_id HAVING count(*) > 1) AS d",
        range.has(&mut sql, "i.user_id")
    );
    let activity: (&str, fn(i64) -> String) = ("d.activity_id", |id| Kind::Activity.encode(id));
    let twice = none(sql, of_inbox, "d.user_id", activity, "is in it twice", &twice);
    vec![items, actors, empty, twice]
}

/// What has left the inboxes but is still in one.
fn over(range: Range) -> Vec<Check> {
    const SENTENCE: &str = "is over and still there";
    let over = |mut sql: Sql, part: (&str, fn(i64) -> String), joined: &str, is_over: &str| {
        let in_range = range.has(&mut sql, "i.user_id");
        let from = format!("inbox_item AS i {joined} WHERE {in_range} AND {is_over}");
        none(sql, of_inbox, "i.user_id", part, SENTENCE, &from)
    };
    let of_kind = |kind: &ItemKind| {
        let ItemKind { column, table, alias, .. } = kind;
        let has_left = kind.has_left?;
        Some(over(
            range.sql("recount::over"),
            (&format!("{alias}.id"), kind.encode),
            &format!("JOIN {table} AS {alias} ON {alias}.id = i.{column}"),
            &format!("i.removed_at IS NULL AND {has_left}"),
        ))
    };
    let activities = over(
        range.sql("recount::activities_over"),
        ("a.id", |id| Kind::Activity.encode(id)),
        "JOIN inbox_item_activity AS l ON l.item_id = i.id \
         JOIN activity AS a ON a.id = l.activity_id",
        "a.settled_at IS NOT NULL",
    );
    ItemKind::all().filter_map(of_kind).chain([activities]).collect()
}

/// Announcements that an inbox claims to have taken in, but has not.
fn not_taken_in(range: Range) -> Check {
    let mut sql = range.sql("recount::not_taken_in");
    let from = format!(
        "inbox AS b JOIN announcement AS n \
         ON n.position > b.announcements_since AND n.position <= b.announcements_pulled \
         AND n.withdrawn_at IS NULL WHERE {} AND NOT EXISTS (SELECT 1 FROM inbox_item AS i \
         WHERE i.announcement_id = n.id AND i.user_id = b.user_id AND i.removed_at IS NULL) \
         AND {} AND {}",
        range.has(&mut sql, "b.user_id"),
        is_known("b.user_id"),
        sweep::is_kept(Pass::Inboxes, "n.publish_at")
    );
    let announcement: (&str, fn(i64) -> String) = ("n.id", |id| Kind::Announcement.encode(id));
    none(sql, of_inbox, "b.user_id", announcement, "is missing", &from)
}

/// What somebody has seen or read in their inbox without the sender being told.
fn unnoted(range: Range) -> Vec<Check> {
    const SENTENCE: &str = "has seen or read it, which is not noted";
    let user: (&str, fn(i64) -> String) = ("i.user_id", |id| Kind::User.encode(id));
    // What came into a muted thread is read, but not by its owner.
    let is_unnoted = "i.arrived_seq > 0 AND (i.read_at IS NOT NULL AND r.read_at IS NULL \
                      OR i.seen_at IS NOT NULL AND r.seen_at IS NULL)";
    let of_kind = |kind: &ItemKind| {
        let Receipts { join, noted_by } = kind.receipts.as_ref()?;
        let column = format!("i.{}", kind.column);
        let (place, which): (fn(i64) -> Place, _) = match noted_by {
            NotedBy::Recipient => (of_message, String::new()),
            NotedBy::Reader => (of_announcement, format!("{column} IS NOT NULL AND ")),
        };
        let mut sql = range.sql("recount::unnoted");
        let in_range = range.has(&mut sql, "i.user_id");
        let from = format!("inbox_item AS i {join} WHERE {which}{in_range} AND {is_unnoted}");
        Some(none(sql, place, &column, user, SENTENCE, &from))
    };
    ItemKind::all().filter_map(of_kind).collect()
}

/// The range of activities for which subscriptions hold: not beyond what exists, and not reversed.
fn subscriptions(range: Range) -> Check {
    let dialect = range.dialect;
    let mut sql = range.sql("recount::subscriptions");
    let since = dialect.least("s.since", "h.activity");
    let until = dialect.greatest(&since, &dialect.least("s.until", "h.activity"));
    let pairs = vec![
        ("since", "s.since".to_owned(), since),
        ("until", "s.until".to_owned(), format!("CASE WHEN s.until IS NOT NULL THEN {until} END")),
    ];
    let from = format!(
        "subscription AS s \
         CROSS JOIN (SELECT coalesce(max(id), 0) AS activity FROM activity) AS h WHERE {}",
        range.has(&mut sql, "s.user_id")
    );
    let of_user = |user| Place::Subscriptions(UserId(user));
    let check = compare(sql, of_user, "s.user_id", "s.target_id", pairs, &from);
    Check { part: |id| Kind::Target.encode(id), ..check }
}

/// How many people a message, or each of its addresses, has reached, and how many of them have seen
/// and read it, and have replied to the message. Each person counts once.
fn recipients(range: Range, mut sql: Sql, [table, owner, part, column]: [&str; 4]) -> Check {
    let mut counts = vec![
        ("recipient_count", "true"),
        ("seen_count", "r.seen_at IS NOT NULL"),
        ("read_count", "r.read_at IS NOT NULL"),
    ];
    if table == "message" {
        counts.push(("replied_count", "r.replied_at IS NOT NULL"));
    }
    let who = |(name, condition): &(&str, &str)| {
        format!("count(DISTINCT CASE WHEN {condition} THEN r.user_id END) AS {name}")
    };
    let who: Vec<_> = counts.iter().map(who).collect();
    let pair = |(name, _)| (name, format!("m.{name}"), format!("coalesce(t.{name}, 0)"));
    let pairs = counts.into_iter().map(pair).collect();
    let from = format!(
        "{table} AS m LEFT JOIN (SELECT r.{column}, {} \
         FROM message_recipient AS r WHERE {} GROUP BY r.{column}) AS t \
         ON t.{column} = m.id WHERE {}",
        who.join(", "),
        range.has(&mut sql, "r.message_id"),
        range.has(&mut sql, owner),
    );
    let check = compare(sql, of_message, owner, part, pairs, &from);
    Check { part: |id| format!("address {id}"), ..check }
}

/// Messages that have not expired and are missing from the inbox of a recipient, once the delivery
/// has got that far.
fn undelivered(range: Range) -> Check {
    let mut sql = range.sql("recount::undelivered");
    let (in_range, stays) = (range.has(&mut sql, "m.id"), stays(&mut sql, range.stays_until));
    let from = format!(
        "message AS m JOIN message_recipient AS r ON r.message_id = m.id \
         LEFT JOIN delivery AS d ON d.message_id = m.id \
         WHERE {in_range} AND {stays} AND r.user_id <= coalesce(d.delivered_to, {}) \
         AND NOT EXISTS (SELECT 1 FROM inbox_item AS i \
         WHERE i.message_id = r.message_id AND i.user_id = r.user_id AND i.removed_at IS NULL) \
         AND {} AND {}",
        i64::MAX,
        is_known("r.user_id"),
        sweep::is_kept(Pass::Inboxes, "m.created_at")
    );
    let user: (&str, fn(i64) -> String) = ("r.user_id", |id| Kind::User.encode(id));
    let delivery = |message| Place::Delivery(MessageId(message));
    none(sql, delivery, "m.id", user, "does not have it", &from)
}

/// The condition that a column names somebody who has an inbox: they were not erased.
pub fn is_known(column: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM user_account AS u WHERE u.id = {column} AND u.erased_at IS NULL)"
    )
}

/// The condition that messages `m` have certainly not expired by a time.
pub fn stays(sql: &mut Sql, until: DateTime<Utc>) -> String {
    let until = sql.bind(until);
    format!("m.expired_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > {until})")
}

/// The length of a thread's history: at least the last change that touched any of its messages.
fn threads(range: Range) -> Check {
    let dialect = range.dialect;
    let mut sql = range.sql("recount::threads");
    let latest =
        |which: &str| format!("coalesce((SELECT max(m.seq) FROM message AS m WHERE {which}), 0)");
    let of_any = dialect.greatest(&latest("m.root_id = t.root_id"), &latest("m.id = t.root_id"));
    let pairs = vec![("seq", "t.seq".to_owned(), dialect.greatest("t.seq", &of_any))];
    let from = format!("thread AS t WHERE {}", range.has(&mut sql, "t.root_id"));
    compare(sql, of_thread, "t.root_id", "NULL", pairs, &from)
}

fn without_thread(range: Range) -> Check {
    let mut sql = range.sql("recount::without_thread");
    let from = format!(
        "message AS m WHERE {} AND m.seq > 0 \
         AND NOT EXISTS (SELECT 1 FROM thread AS t WHERE t.root_id = coalesce(m.root_id, m.id))",
        range.has(&mut sql, "m.id")
    );
    let message: (&str, fn(i64) -> String) = ("m.id", |id| Kind::Message.encode(id));
    none(
        sql,
        of_thread,
        "coalesce(m.root_id, m.id)",
        message,
        "is in a history that does not exist",
        &from,
    )
}

/// Reminders of messages that have left the inboxes.
fn reminders(range: Range) -> Check {
    let mut sql = range.sql("recount::reminders");
    let from = format!(
        "reminder AS r JOIN message AS m ON m.id = r.message_id \
         WHERE {} AND m.expired_at IS NOT NULL AND r.next_at IS NOT NULL",
        range.has(&mut sql, "m.id")
    );
    let none_named: (&str, fn(i64) -> String) = ("CAST(NULL AS bigint)", |_| String::new());
    let reminder = |message| Place::Reminder(MessageId(message));
    none(sql, reminder, "m.id", none_named, "goes on after the message has expired", &from)
}

/// The people who have seen and read an announcement.
fn readers(range: Range) -> Check {
    let mut sql = range.sql("recount::readers");
    let pairs =
        [("seen_count", "count(*)"), ("read_count", "count(r.read_at)")].map(|(name, count)| {
            let right = format!(
                "(SELECT {count} FROM announcement_reading AS r WHERE r.announcement_id = n.id)"
            );
            (name, format!("n.{name}"), right)
        });
    let from = format!("announcement AS n WHERE {}", range.has(&mut sql, "n.id"));
    compare(sql, of_announcement, "n.id", "NULL", pairs.into(), &from)
}
