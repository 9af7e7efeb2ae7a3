//! What is in the database before anything is measured. The tables are new, so row number n has the id n.

use std::time::Instant;

use crate::{CONNECTIONS, Result, database::Database, table};

/// How many people belong to the group [`GROUP`].
pub const MEMBERS: i64 = 10_000;
/// They, and behind them those who send, one for each connection.
pub const FEWEST_USERS: i64 = MEMBERS + CONNECTIONS as i64;
/// How many items an inbox of F2 has.
pub const OWN_ITEMS: i64 = 10_000;
/// The external id of the group.
pub const GROUP: &str = "everybody";
/// How many of the newest items of an inbox are not read.
const UNREAD: i64 = 50;

/// The host's id of a user.
pub fn external_id(user: i64) -> String {
    format!("person-{user}")
}

/// Who sends over a connection.
pub fn sender(connection: usize) -> i64 {
    MEMBERS + 1 + (connection % CONNECTIONS) as i64
}

/// The people whose inboxes are full: the first ones.
pub fn owners(items: i64) -> i64 {
    (items / OWN_ITEMS).clamp(1, MEMBERS)
}

/// Whose inbox one of the items is in that are there from the beginning.
pub fn owner(item: i64, owners: i64) -> i64 {
    1 + item % owners
}

/// Fills the tables; says how long it took.
pub async fn load(database: &Database, users: i64, items: i64) -> Result<String> {
    let begin = Instant::now();
    // Not the tables that are still empty: PostgreSQL would plan for that, and keep the plans while they fill.
    database
        .fill(&statements(database, users, items), "user_account, inbox, message, inbox_item")
        .await?;
    Ok(format!("loaded in {}", table::duration(begin.elapsed())))
}

/// Adds people until there are this many.
pub async fn grow(database: &Database, users: i64) -> Result<()> {
    database.fill(&people(database, users), "user_account, inbox").await
}

/// The beginning of a statement, with a table `n` of numbers `i` from 1 to `last`.
pub fn up_to(last: i64) -> String {
    format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last})")
}

fn people(database: &Database, users: i64) -> [String; 2] {
    [
        format!(
            "{} INSERT INTO user_account (external_id, first_name, last_name, locale, time_zone, created_at) \
             SELECT 'person-' || i, 'First' || i, 'Last' || i, 'en', 'UTC', {} FROM n \
             WHERE i > (SELECT coalesce(max(id), 0) FROM user_account)",
            up_to(users),
            database.time("0")
        ),
        // Who becomes known has no announcements of before.
        "INSERT INTO inbox (user_id, announcements_since, announcements_pulled) \
         SELECT u.id, a.n, a.n FROM user_account AS u, (SELECT coalesce(max(position), 0) AS n FROM announcement) AS a \
         WHERE u.id > (SELECT coalesce(max(user_id), 0) FROM inbox) ORDER BY u.id"
            .into(),
    ]
}

/// Set-based SQL. Each item is about a message of its own, sent to its owner alone; the items of one inbox lie among
/// those of the others, as they do where time has passed.
fn statements(database: &Database, users: i64, items: i64) -> Vec<String> {
    let (start, owners) = (database.time("0"), owners(items));
    let mut statements = Vec::from(people(database, users));
    statements.extend([
        format!("INSERT INTO user_group (external_id, name, created_at) VALUES ('{GROUP}', 'Everybody', {start})"),
        format!(
            "INSERT INTO group_member (group_id, user_id, joined_at) \
             SELECT 1, id, {start} FROM user_account WHERE id <= {MEMBERS}"
        ),
        format!(
            "{} INSERT INTO message \
             (sender_id, subject, body, depth, path, seq, recipient_count, seen_count, read_count, created_at) \
             SELECT {MEMBERS} + 1 + i % {CONNECTIONS}, 'Subject number ' || i, 'Body ' || i || ': ' || \
             'You have to know, and may not have heard, what others have known for long: it was moved to Thursday.', \
             0, '', 0, 1, 0, 0, {} FROM n",
            up_to(items),
            database.time("i")
        ),
        format!(
            "INSERT INTO inbox_item \
             (user_id, kind, message_id, seq, arrived_seq, created_at, updated_at, seen_at, read_at) \
             SELECT 1 + id % {owners}, 'message', id, 1 + (id - 1) / {owners}, 1 + (id - 1) / {owners}, \
             created_at, created_at, read, read FROM (SELECT id, created_at, \
             CASE WHEN id <= {items} - {owners} * {UNREAD} THEN created_at END AS read FROM message) AS m ORDER BY id"
        ),
        "INSERT INTO message_audience (message_id, user_id, name, recipient_count, seen_count, read_count) \
         SELECT message_id, user_id, 'Somebody', 1, 0, 0 FROM inbox_item ORDER BY id"
            .into(),
        "INSERT INTO message_recipient (message_id, user_id, audience_id) \
         SELECT message_id, user_id, id FROM message_audience ORDER BY id"
            .into(),
        // No line searches for what is there: otherwise the first ones would run beside the job that
        // indexes it.
        "UPDATE search_progress SET segment = (SELECT max(id) FROM message) / 2048 \
         WHERE about = 'message'"
            .into(),
        "UPDATE search_progress SET segment = (SELECT max(id) FROM user_account) / 2048 \
         WHERE about = 'user'"
            .into(),
        "UPDATE inbox SET seq = t.n, active = t.items, unread = t.unread, unseen = t.unread FROM \
         (SELECT user_id, max(seq) AS n, count(*) AS items, count(*) FILTER (WHERE read_at IS NULL) AS unread \
          FROM inbox_item GROUP BY user_id) AS t WHERE inbox.user_id = t.user_id"
            .into(),
    ]);
    statements
}
