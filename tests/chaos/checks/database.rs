//! What must be true of the rows whatever was written: nothing is half there or there twice, and
//! every count is the number of what it counts.

use sea_orm::{DatabaseConnection, QueryResult};

use super::{IDLE, eventually};
use crate::{
    Result,
    people::READERS,
    serve::RETENTION,
    settings::Kind,
    world::{PATIENCE, World},
};

/// What servers have to do by themselves, `$1` being now: all of these are empty when it is done.
const DUE: [(&str, &str); 11] = [
    ("a pass over what is too old is under way", "SELECT 0 AS id FROM sweep WHERE position > 0"),
    (
        "a planned message has not been sent",
        "SELECT m.id FROM message AS m LEFT JOIN user_account AS u ON u.id = m.sender_id \
         WHERE m.send_at <= $1 AND u.deactivated_at IS NULL",
    ),
    (
        "somebody has not been erased",
        "SELECT user_id AS id FROM erasure WHERE due_at IS NULL OR due_at <= $1",
    ),
    ("a large send is under way", "SELECT message_id AS id FROM delivery"),
    ("a change has not been shown", "SELECT id FROM refresh"),
    (
        "a reminder is late",
        "SELECT r.message_id AS id FROM reminder AS r JOIN message AS m ON m.id = r.message_id \
         WHERE r.next_at <= $1 AND m.expired_at IS NULL",
    ),
    (
        "a message has not expired",
        "SELECT id FROM message WHERE expires_at <= $1 AND expired_at IS NULL \
         AND NOT EXISTS (SELECT 1 FROM reminder AS r WHERE r.message_id = message.id)",
    ),
    (
        "a snoozed item has not come back",
        "SELECT id FROM inbox_item WHERE removed_at IS NULL AND snoozed_until <= $1",
    ),
    (
        "an announcement has not been published",
        "SELECT id FROM announcement WHERE position IS NULL AND retracted_at IS NULL \
         AND publish_at <= $1 \
         AND (expires_at IS NULL OR expires_at > $1)",
    ),
    (
        "an announcement has not been withdrawn",
        "SELECT id FROM announcement WHERE position IS NOT NULL AND settled_at IS NULL \
         AND (expires_at <= $1 OR retracted_at IS NOT NULL)",
    ),
    (
        "an activity has not been taken back",
        "SELECT id FROM activity WHERE retracted_at IS NOT NULL AND settled_at IS NULL",
    ),
];

/// Ids from this one on are those of readings whose readers were erased.
const NOBODY: i64 = 1 << 62;
/// What an item counts for.
const THERE: &str = "removed_at IS NULL AND archived_at IS NULL AND snoozed_until IS NULL";

/// Returns when the servers have done all that is due.
pub async fn settle(world: &World) -> Result<()> {
    let connection = world.connect().await?;
    for (what, rows) in DUE {
        let late =
            async || Ok(world.rows(&connection, rows, values(world, rows)).await?.is_empty());
        if !eventually(PATIENCE, late).await? {
            return Err(format!(
                "{what}: {}",
                list(&world.rows(&connection, rows, values(world, rows)).await?)
            )
            .into());
        }
    }
    Ok(())
}

fn values(world: &World, sql: &str) -> Vec<sea_orm::Value> {
    if sql.contains("$1") { vec![world.now().into()] } else { Vec::new() }
}

/// No connection to PostgreSQL holds a transaction that nobody goes on with (P10).
pub async fn nothing_is_open(world: &World) -> Result<()> {
    let Kind::Postgres = world.kind else { return Ok(()) };
    let connection = world.connect().await?;
    let open = "SELECT CAST(pid AS bigint) AS id FROM pg_stat_activity \
                WHERE application_name LIKE 'tidings%' AND state LIKE 'idle in transaction%'";
    let is_none = async || Ok(world.rows(&connection, open, []).await?.is_empty());
    if !eventually(IDLE, is_none).await? {
        let open = "SELECT CAST(pid AS bigint) AS id, query FROM pg_stat_activity \
                    WHERE application_name LIKE 'tidings%' AND state LIKE 'idle in transaction%'";
        let rows = world.rows(&connection, open, []).await?;
        let queries: Vec<String> =
            rows.iter().filter_map(|row| row.try_get_by_index(1).ok()).collect();
        world.transcript.fail(format!("transactions stay open: {queries:?}"));
    }
    Ok(())
}

/// Rows that should not be there, by what is wrong with them; `$1` is since when all of it is kept.
fn wrong() -> Vec<(&'static str, String)> {
    let reached = "(SELECT DISTINCT message_id, user_id FROM message_recipient)";
    let active = format!("i.{}", THERE.replace(" AND ", " AND i."));
    let unread = format!("i.read_at IS NULL AND i.{}", THERE.replace(" AND ", " AND i."));
    let unseen = format!("i.seen_at IS NULL AND i.{}", THERE.replace(" AND ", " AND i."));
    // An inbox without items has one row, which is not an item.
    let count = |condition: &str| {
        format!("sum(CASE WHEN i.id IS NOT NULL AND {condition} THEN 1 ELSE 0 END)")
    };
    let counts = format!(
        "SELECT b.user_id AS id FROM inbox AS b LEFT JOIN inbox_item AS i ON i.user_id = b.user_id \
         GROUP BY b.user_id, b.active, b.unread, b.unseen, b.snoozed, b.archived, \
         b.unread_announcements, b.unread_activities \
         HAVING b.active <> {} OR b.unread <> {} OR b.unseen <> {} OR b.snoozed <> {} \
         OR b.archived <> {} OR b.unread_announcements <> {} OR b.unread_activities <> {}",
        count(&active),
        count(&unread),
        count(&unseen),
        count("i.removed_at IS NULL AND i.snoozed_until IS NOT NULL"),
        count("i.removed_at IS NULL AND i.archived_at IS NOT NULL"),
        count(&format!("i.kind = 'announcement' AND {unread}")),
        count(&format!("i.kind = 'activity' AND {unread}")),
    );
    let names = READERS.map(|name| format!("'{name}'")).join(", ");
    vec![
        (
            "a message is not once in the inbox of everybody whom it reached",
            format!(
                "SELECT r.message_id AS id FROM {reached} AS r \
                 JOIN message AS m ON m.id = r.message_id \
                 LEFT JOIN inbox_item AS i ON i.message_id = r.message_id \
                 AND i.user_id = r.user_id AND i.removed_at IS NULL \
                 WHERE m.expired_at IS NULL AND r.user_id < {NOBODY} \
                 AND m.created_at > $1 \
                 GROUP BY r.message_id, r.user_id \
                 HAVING count(i.id) <> 1"
            ),
        ),
        (
            "an expired message is still in an inbox",
            "SELECT m.id FROM message AS m JOIN inbox_item AS i ON i.message_id = m.id \
             WHERE m.expired_at IS NOT NULL AND i.removed_at IS NULL"
                .into(),
        ),
        (
            "a message is in an inbox whose owner it did not reach",
            "SELECT i.id FROM inbox_item AS i LEFT JOIN message_recipient AS r \
             ON r.message_id = i.message_id AND r.user_id = i.user_id \
             WHERE r.message_id IS NULL \
             AND EXISTS (SELECT 1 FROM message AS m WHERE m.id = i.message_id)"
                .into(),
        ),
        (
            "a message without an address",
            "SELECT m.id FROM message AS m LEFT JOIN message_audience AS a ON a.message_id = m.id \
             WHERE a.id IS NULL"
                .into(),
        ),
        (
            "a message has another number of recipients, seen or read than it says",
            "SELECT m.id FROM message AS m \
             LEFT JOIN (SELECT message_id, count(*) AS recipients, count(seen) AS seen, \
             count(have_read) AS have_read \
             FROM (SELECT message_id, user_id, max(seen_at) AS seen, max(read_at) AS have_read \
             FROM message_recipient GROUP BY message_id, user_id) AS people \
             GROUP BY message_id) AS r ON r.message_id = m.id \
             WHERE m.recipient_count <> coalesce(r.recipients, 0) \
             OR m.seen_count <> coalesce(r.seen, 0) \
             OR m.read_count <> coalesce(r.have_read, 0)"
                .into(),
        ),
        (
            "an address has another number of recipients, seen or read than it says",
            "SELECT a.id FROM message_audience AS a \
             LEFT JOIN message_recipient AS r ON r.audience_id = a.id \
             GROUP BY a.id, a.recipient_count, a.seen_count, a.read_count \
             HAVING a.recipient_count <> count(r.user_id) OR a.seen_count <> count(r.seen_at) \
             OR a.read_count <> count(r.read_at)"
                .into(),
        ),
        (
            "an announcement has another number of seen or read than it says",
            "SELECT a.id FROM announcement AS a \
             LEFT JOIN announcement_reading AS r ON r.announcement_id = a.id \
             GROUP BY a.id, a.seen_count, a.read_count \
             HAVING a.seen_count <> count(r.user_id) OR a.read_count <> count(r.read_at)"
                .into(),
        ),
        (
            "an announcement is not once in every inbox",
            "SELECT a.id FROM announcement AS a \
             JOIN inbox AS b ON b.announcements_since < a.position \
             JOIN user_account AS u ON u.id = b.user_id AND u.erased_at IS NULL \
             AND u.external_id NOT LIKE 'guest-%' \
             LEFT JOIN inbox_item AS i ON i.announcement_id = a.id AND i.user_id = b.user_id \
             AND i.removed_at IS NULL \
             WHERE a.withdrawn_at IS NULL AND a.publish_at > $1 \
             GROUP BY a.id, b.user_id HAVING count(i.id) <> 1"
                .into(),
        ),
        (
            "a withdrawn announcement is still in an inbox",
            "SELECT a.id FROM announcement AS a JOIN inbox_item AS i ON i.announcement_id = a.id \
             WHERE a.withdrawn_at IS NOT NULL AND i.removed_at IS NULL"
                .into(),
        ),
        ("the counts of an inbox are not those of its items", counts),
        (
            "an item is newer than its inbox",
            "SELECT i.id FROM inbox_item AS i JOIN inbox AS b ON b.user_id = i.user_id \
             WHERE i.seq > b.seq"
                .into(),
        ),
        (
            "an item has another number of activities than it says",
            "SELECT i.id FROM inbox_item AS i \
             LEFT JOIN inbox_item_activity AS a ON a.item_id = i.id \
             WHERE i.kind = 'activity' AND i.removed_at IS NULL GROUP BY i.id, i.activity_count \
             HAVING i.activity_count <> count(a.activity_id) OR count(a.activity_id) = 0"
                .into(),
        ),
        (
            "an item has another number of people than it says",
            "SELECT i.id FROM inbox_item AS i LEFT JOIN inbox_item_actor AS a ON a.item_id = i.id \
             WHERE i.kind = 'activity' AND i.removed_at IS NULL \
             GROUP BY i.id, i.actor_count, i.activity_count \
             HAVING i.actor_count <> count(a.actor_id) \
             OR i.activity_count <> coalesce(sum(a.activity_count), 0)"
                .into(),
        ),
        (
            "an item is in an inbox that is older than anything may be",
            "SELECT i.id FROM inbox_item AS i JOIN sweep AS w ON w.name = 'inbox' \
             WHERE i.removed_at IS NULL AND i.snoozed_until IS NULL AND i.updated_at < w.horizon"
                .into(),
        ),
        (
            "an activity is twice in an inbox",
            "SELECT a.activity_id AS id FROM inbox_item_activity AS a \
             JOIN inbox_item AS i ON i.id = a.item_id \
             WHERE i.removed_at IS NULL GROUP BY a.activity_id, i.user_id HAVING count(*) > 1"
                .into(),
        ),
        (
            "a retracted activity is still in an inbox",
            "SELECT v.id FROM activity AS v JOIN inbox_item_activity AS a ON a.activity_id = v.id \
             JOIN inbox_item AS i ON i.id = a.item_id \
             WHERE v.retracted_at IS NOT NULL AND i.removed_at IS NULL"
                .into(),
        ),
        (
            "a key without what it made",
            "SELECT 0 AS id FROM idempotency_key WHERE result IS NULL".into(),
        ),
        (
            "somebody who never reads was not reminded on every date, once",
            format!(
                "SELECT r.message_id AS id FROM reminder AS q \
                 JOIN message_recipient AS r ON r.message_id = q.message_id \
                 JOIN user_account AS u ON u.id = r.user_id \
                 JOIN message AS m ON m.id = r.message_id AND m.created_at > $1 \
                 WHERE u.external_id IN ({names}) AND r.reminder_count <> q.sent_count"
            ),
        ),
    ]
}

/// Asks for all of them. Gives their names.
pub async fn check(world: &World) -> Result<Vec<String>> {
    let connection = world.connect().await?;
    let mut done = Vec::new();
    for (what, sql) in wrong() {
        let kept_since: Option<sea_orm::Value> =
            sql.contains("$1").then(|| (world.now() - RETENTION).into());
        let rows = world.rows(&connection, &sql, kept_since).await?;
        if !rows.is_empty() {
            world.transcript.fail(format!("{what}: {} times, as {}", rows.len(), list(&rows)));
        }
        done.push(format!("not: {what}"));
    }
    let recount = tidings::recount::check(&connection, world.now())
        .await
        .map_err(|error| format!("{error:?}"))?;
    if !recount.findings.is_empty() {
        world.transcript.fail(format!("tidings recount: {recount}"));
    }
    done.push("tidings recount finds nothing".into());
    size(world, &connection).await?;
    Ok(done)
}

/// Says how much there was to check.
async fn size(world: &World, connection: &DatabaseConnection) -> Result<()> {
    for table in ["message", "message_recipient", "inbox_item", "activity", "announcement"] {
        let rows = world.rows(connection, &format!("SELECT count(*) FROM {table}"), []).await?;
        let count: i64 =
            rows.first().map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or_default();
        world.transcript.highest(&format!("rows of {table}"), count as u64);
    }
    Ok(())
}

/// The ids of some rows.
fn list(rows: &[QueryResult]) -> String {
    let ids: Vec<i64> =
        rows.iter().take(5).filter_map(|row| row.try_get_by_index(0).ok()).collect();
    format!("{ids:?}")
}
