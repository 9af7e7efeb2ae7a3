//! What is in the database before anything is measured. The tables are new, so row number n has the id n.

use std::time::Instant;

use sea_orm::{ConnectionTrait, Database as Connection};

use crate::{CONNECTIONS, Result, database::Database, table};

/// How many people get messages, and belong to the group [`GROUP`].
pub const MEMBERS: i64 = 10_000;
/// They, and behind them those who send, one for each connection.
pub const USERS: i64 = MEMBERS + CONNECTIONS as i64;
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

/// Fills the tables; says how long it took.
pub async fn load(database: &Database, items: i64) -> Result<String> {
    let begin = Instant::now();
    let connection = Connection::connect(database.url()).await?;
    let is_sqlite = matches!(database, Database::Sqlite(_));
    let (before, after) = match is_sqlite {
        true => ("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000", "PRAGMA wal_checkpoint(TRUNCATE)"),
        // What it would do by itself in time: plans follow from what it knows of the tables.
        // Not the tables that are still empty: PostgreSQL would plan for that, and keep the plans while they fill.
        false => ("CHECKPOINT", "VACUUM ANALYZE \"user\", inbox, message, inbox_item"),
    };
    connection.execute_unprepared(before).await?;
    for statement in statements(is_sqlite, items) {
        connection.execute_unprepared(&statement).await?;
    }
    connection.execute_unprepared(after).await?;
    connection.execute_unprepared(before).await?;
    connection.close().await?;
    Ok(format!("loaded in {}", table::duration(begin.elapsed())))
}

/// Set-based SQL. Each item is about a message of its own, sent to its owner alone; the items of one inbox lie among
/// those of the others, as they do where time has passed.
fn statements(is_sqlite: bool, items: i64) -> [String; 9] {
    let time = |second: &str| match is_sqlite {
        true => format!("strftime('%Y-%m-%dT%H:%M:%f000+00:00', 1700000000 + {second}, 'unixepoch')"),
        false => format!("to_timestamp(1700000000 + {second})"),
    };
    let up_to = |last: i64| format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last})");
    let (start, owners) = (time("0"), owners(items));
    [
        format!(
            "{} INSERT INTO \"user\" (external_id, first_name, last_name, locale, time_zone, created_at) \
             SELECT 'person-' || i, 'First' || i, 'Last' || i, 'en', 'UTC', {start} FROM n",
            up_to(USERS)
        ),
        "INSERT INTO inbox (user_id) SELECT id FROM \"user\" ORDER BY id".into(),
        format!("INSERT INTO \"group\" (external_id, name, created_at) VALUES ('{GROUP}', 'Everybody', {start})"),
        format!(
            "INSERT INTO group_member (group_id, user_id, joined_at) \
             SELECT 1, id, {start} FROM \"user\" WHERE id <= {MEMBERS}"
        ),
        format!(
            "{} INSERT INTO message \
             (sender_id, subject, body, depth, path, seq, recipient_count, seen_count, read_count, created_at) \
             SELECT {MEMBERS} + 1 + i % {CONNECTIONS}, 'Subject number ' || i, 'Body ' || i || ': ' || \
             'You have to know, and may not have heard, what others have known for long: it was moved to Thursday.', \
             0, '', 0, 1, 0, 0, {} FROM n",
            up_to(items),
            time("i")
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
        "UPDATE inbox SET seq = t.n, unread = t.unread, unseen = t.unread FROM \
         (SELECT user_id, max(seq) AS n, count(*) FILTER (WHERE read_at IS NULL) AS unread \
          FROM inbox_item GROUP BY user_id) AS t WHERE inbox.user_id = t.user_id"
            .into(),
    ]
}
