//! More people than the other lines have: those whom large messages remind and reports count.

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::{Result, database::Database};

pub const SIZE: i64 = 100_000;
/// Long before everything else.
pub const PAST: &str = "'2020-01-01T00:00:00+00:00'";
const CROWD: &str = "first_name = 'Crowd'";

/// Makes them, once. They have empty inboxes. Their names are as everybody's, by their ids, which have no gaps: a line that
/// adds people until there are a million may find them among these. Not by ON CONFLICT, which would use up ids.
pub async fn gather(database: &Database, connection: &DatabaseConnection) -> Result<()> {
    let up_to =
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {SIZE})");
    run(
        connection,
        [
            format!(
                "{up_to} INSERT INTO user_account (external_id, first_name, last_name, locale, time_zone, created_at) \
                 SELECT 'person-' || (most + i), 'Crowd', '', 'en', 'UTC', {PAST} \
                 FROM n, (SELECT max(id) AS most FROM user_account) AS others \
                 WHERE NOT EXISTS (SELECT 1 FROM user_account WHERE {CROWD})"
            ),
            format!(
                "INSERT INTO inbox (user_id) SELECT id FROM user_account WHERE {CROWD} ORDER BY id ON CONFLICT DO NOTHING"
            ),
        ],
    )
    .await?;
    settle(database, connection).await
}

/// Makes a group of them, once.
pub async fn unite(
    database: &Database,
    connection: &DatabaseConnection,
    group: &str,
) -> Result<()> {
    run(
        connection,
        [
            format!(
                "INSERT INTO user_group (external_id, name, created_at) VALUES ('{group}', 'All of them', {PAST}) \
                 ON CONFLICT DO NOTHING"
            ),
            format!(
                "INSERT INTO group_member (group_id, user_id, joined_at) SELECT g.id, u.id, {PAST} \
                 FROM user_group AS g JOIN user_account AS u ON u.{CROWD} WHERE g.external_id = '{group}' \
                 ORDER BY u.id ON CONFLICT DO NOTHING"
            ),
        ],
    )
    .await?;
    let settle = match database {
        Database::Sqlite(_) => "PRAGMA wal_checkpoint(TRUNCATE)",
        Database::Postgres(_) => "VACUUM ANALYZE user_group, group_member",
    };
    connection.execute_unprepared(settle).await?;
    Ok(())
}

/// The person who sends messages to the crowd: the first of it.
pub async fn sender(connection: &DatabaseConnection) -> Result<i64> {
    let sql = format!("SELECT min(id) AS id FROM user_account WHERE {CROWD}");
    let found =
        connection.query_one_raw(Statement::from_string(connection.get_database_backend(), sql));
    Ok(found.await?.ok_or("nobody is in the crowd")?.try_get("", "id")?)
}

/// Messages to this many of the crowd each, unread. With a subject of their own, by which they are found again.
pub async fn send(
    connection: &DatabaseConnection,
    subject: &str,
    messages: i64,
    recipients: i64,
    deliver: bool,
) -> Result<()> {
    let up_to = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {messages})"
    );
    let ours = format!("SELECT id FROM message WHERE subject = '{subject}'");
    // Each message goes to another part of the crowd, or to all of it.
    let whom =
        if recipients == SIZE { "true".to_owned() } else { format!("m.n = u.n / {recipients}") };
    let reached = format!(
        "FROM message_audience AS a \
         JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM ({ours}) AS o) AS m ON m.id = a.message_id \
         JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM user_account WHERE {CROWD}) AS u \
         ON {whom}"
    );
    run(
        connection,
        [
            format!(
                "{up_to} INSERT INTO message \
                 (sender_id, subject, body, depth, path, seq, recipient_count, seen_count, read_count, created_at) \
                 SELECT (SELECT min(id) FROM user_account WHERE {CROWD}), '{subject}', 'Please read this.', \
                 0, '', 0, {recipients}, 0, 0, {PAST} FROM n"
            ),
            format!(
                "INSERT INTO message_audience (message_id, group_id, name, recipient_count, seen_count, read_count) \
                 SELECT id, 1, 'Everybody', {recipients}, 0, 0 FROM ({ours}) AS m ORDER BY id"
            ),
            format!(
                "INSERT INTO message_recipient (message_id, user_id, audience_id) SELECT m.id, u.id, a.id {reached}"
            ),
        ],
    )
    .await?;
    if deliver {
        let items = format!(
            "INSERT INTO inbox_item (user_id, kind, message_id, seq, arrived_seq, created_at, updated_at) \
             SELECT r.user_id, 'message', r.message_id, b.seq + 1, b.seq + 1, {PAST}, {PAST} \
             FROM message_recipient AS r CROSS JOIN inbox AS b WHERE r.message_id IN ({ours}) AND b.user_id = r.user_id"
        );
        let heads = format!(
            "UPDATE inbox SET seq = seq + 1, active = active + 1, unread = unread + 1, unseen = unseen + 1 WHERE user_id IN \
             (SELECT user_id FROM inbox_item WHERE message_id IN ({ours}))"
        );
        run(connection, [items, heads]).await?;
    }
    Ok(())
}

/// What a database would do by itself in time.
pub async fn settle(database: &Database, connection: &DatabaseConnection) -> Result<()> {
    let settle = match database {
        Database::Sqlite(_) => "PRAGMA wal_checkpoint(TRUNCATE)",
        Database::Postgres(_) => {
            "VACUUM ANALYZE user_account, inbox, message, message_audience, message_recipient, inbox_item"
        }
    };
    connection.execute_unprepared(settle).await?;
    Ok(())
}

async fn run(
    connection: &DatabaseConnection,
    statements: impl IntoIterator<Item = String>,
) -> Result<()> {
    for statement in statements {
        connection.execute_unprepared(&statement).await?;
    }
    Ok(())
}
