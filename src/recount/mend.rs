//! Mends what was found: makes everything about a place follow from its items and recipients,
//! under the locks of those who change them. What is correct stays, so it does no harm if somebody
//! else mended it first.

use std::collections::BTreeSet;

use ::entity::id::{AnnouncementId, MessageId, UserId};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{
    CLOCKS_DIFFER, Finding, Place,
    checks::{is_known, since, stays},
};
use crate::{
    db::{Db, Sql, Topic, Tx},
    error::Result,
    inbox::{self, kind::ItemKind, live},
    sweep::{self, Pass},
};

/// How many inboxes, messages or announcements one transaction locks.
const MOST: usize = 100;

/// Mends what was found. Check again afterwards: the findings may have hidden others.
pub async fn mend(db: &Db, findings: &[Finding], now: DateTime<Utc>) -> Result<()> {
    let undelivered = findings.iter().filter_map(|finding| match finding {
        Finding { place: Place::Delivery(message), part: Some(user), .. } => {
            Some((UserId(*user), *message))
        }
        _ => None,
    });
    let undelivered: Vec<_> = undelivered.collect();
    let of_inbox = |finding: &Finding| match finding.place {
        Place::Inbox(user) => Some(user),
        Place::Delivery(_) => finding.part.map(UserId),
        _ => None,
    };
    for users in places(findings, of_inbox).chunks(MOST) {
        let missing: Vec<_> =
            undelivered.iter().filter(|(user, _)| users.contains(user)).copied().collect();
        let tx = db.begin().await?;
        mend_inboxes(&tx, users, &missing, now).await?;
        live::tell_within(&tx, users.iter().map(|user| Topic::Inbox(*user))).await?;
        tx.commit().await?;
    }
    let of_message = |finding: &Finding| match finding.place {
        Place::Message(message) => Some(message),
        _ => None,
    };
    for messages in places(findings, of_message).chunks(MOST) {
        let tx = db.begin().await?;
        mend_messages(&tx, messages).await?;
        live::tell_within(&tx, messages.iter().map(|message| Topic::Reading(*message))).await?;
        tx.commit().await?;
    }
    let of_announcement = |finding: &Finding| match finding.place {
        Place::Announcement(announcement) => Some(announcement),
        _ => None,
    };
    for announcements in places(findings, of_announcement).chunks(MOST) {
        let tx = db.begin().await?;
        mend_announcements(&tx, announcements).await?;
        tx.commit().await?;
    }
    for finding in findings {
        let tx = db.begin().await?;
        match finding.place {
            Place::Thread(root) => {
                mend_thread(&tx, root).await?;
                live::tell_within(&tx, [Topic::Thread(root)]).await?;
            }
            Place::Reminder(message) => {
                mend_reminder(&tx, message, now).await?;
            }
            Place::Subscriptions(user) => mend_subscriptions(&tx, user).await?,
            Place::Inbox(_) | Place::Delivery(_) | Place::Message(_) | Place::Announcement(_) => {}
        }
        tx.commit().await?;
    }
    Ok(())
}

/// What some of the findings are about, each once.
fn places<I: Ord>(findings: &[Finding], of: impl Fn(&Finding) -> Option<I>) -> Vec<I> {
    findings.iter().filter_map(of).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Mends inboxes: what is missing from them comes in, what has expired or was retracted leaves, and
/// the counts follow. `missing` has the users and messages of what was not delivered.
///
/// Their clients may have seen any of the errors. So none can continue from an older cursor: they
/// reload the inbox.
async fn mend_inboxes(
    tx: &Tx,
    users: &[UserId],
    missing: &[(UserId, MessageId)],
    now: DateTime<Utc>,
) -> Result<()> {
    inbox::lock(tx, users).await?;
    tx.while_nothing_is_withdrawn().await?;
    mend_positions(tx, users).await?;
    bring_back(tx, users, missing, now).await?;
    let mut sql = tx.sql("mend::remove");
    let (these, removed_at) = (sql.is_one_of("user_id", users), sql.bind(now));
    let is_over = |kind: &ItemKind| {
        let ItemKind { column, table, alias, .. } = kind;
        let has_left = kind.has_left?;
        Some(format!(
            "{column} IN (SELECT {alias}.id FROM {table} AS {alias} \
             WHERE {alias}.id = inbox_item.{column} AND {has_left})"
        ))
    };
    let is_over = ItemKind::all().filter_map(is_over).collect::<Vec<_>>().join(" OR ");
    sql.push(format!(
        "UPDATE inbox_item SET removed_at = {removed_at} \
         WHERE {these} AND removed_at IS NULL AND ({is_over})"
    ));
    sql.run(&**tx).await?;
    mend_activities(tx, users, now).await?;
    mend_counts(tx, users).await
}

/// Moves the positions to where they can be, and begins a change in each inbox.
async fn mend_positions(tx: &Tx, users: &[UserId]) -> Result<()> {
    let mut sql = tx.sql("mend::positions");
    let (dialect, these) = (sql.dialect(), sql.is_one_of("user_id", users));
    let latest =
        "coalesce((SELECT max(i.seq) FROM inbox_item AS i WHERE i.user_id = inbox.user_id), 0)";
    let seq = dialect.greatest("seq", &dialect.greatest("purged_seq", latest));
    let announcements = dialect
        .least("announcements_pulled", "(SELECT coalesce(max(position), 0) FROM announcement)");
    let since = since(dialect, "inbox", &announcements);
    let activities =
        dialect.least("activities_pulled", "(SELECT coalesce(max(id), 0) FROM activity)");
    sql.push(format!(
        "UPDATE inbox SET seq = {seq} + 1, announcements_pulled = {announcements}, \
         announcements_since = {since}, activities_pulled = {activities} WHERE {these}"
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Delivers the missing messages, and takes in the missing announcements.
async fn bring_back(
    tx: &Tx,
    users: &[UserId],
    missing: &[(UserId, MessageId)],
    now: DateTime<Utc>,
) -> Result<()> {
    // A tombstone of something that should be there is revived.
    const BACK: &str = "DO UPDATE SET removed_at = NULL, \
        seq = excluded.seq, arrived_seq = excluded.arrived_seq \
        WHERE inbox_item.removed_at IS NOT NULL";
    let mut sql = tx.sql("mend::deliver");
    let missing = missing.iter().map(|(user, message)| [user.0, message.0]);
    let missing = sql.integer_table(["user_id", "message_id"], missing);
    let these = sql.is_one_of("b.user_id", users);
    let stays = stays(&mut sql, now + CLOCKS_DIFFER);
    sql.push(format!(
        "INSERT INTO inbox_item \
         (user_id, kind, message_id, seq, arrived_seq, created_at, updated_at, category) \
         SELECT DISTINCT b.user_id, 'message', m.id, b.seq, b.seq, m.created_at, m.created_at, \
         m.category \
         FROM {missing} AS w JOIN inbox AS b ON b.user_id = w.user_id \
         JOIN message AS m ON m.id = w.message_id \
         JOIN message_recipient AS r ON r.message_id = w.message_id AND r.user_id = w.user_id \
         WHERE {stays} AND {these} \
         ON CONFLICT (message_id, user_id) WHERE message_id IS NOT NULL {BACK}"
    ));
    sql.run(&**tx).await?;
    let mut sql = tx.sql("mend::take_in");
    let these = sql.is_one_of("b.user_id", users);
    sql.push(format!(
        "INSERT INTO inbox_item \
         (user_id, kind, announcement_id, seq, arrived_seq, created_at, updated_at, category) \
         SELECT b.user_id, 'announcement', n.id, b.seq, b.seq, n.publish_at, n.publish_at, \
         n.category \
         FROM inbox AS b JOIN announcement AS n ON n.position > b.announcements_since \
         AND n.position <= b.announcements_pulled AND n.withdrawn_at IS NULL \
         WHERE {these} AND {} AND {} \
         ON CONFLICT (announcement_id, user_id) WHERE announcement_id IS NOT NULL {BACK}",
        is_known("b.user_id"),
        sweep::is_kept(Pass::Inboxes, "n.publish_at")
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Makes the history and the counts of inboxes follow from their items.
async fn mend_counts(tx: &Tx, users: &[UserId]) -> Result<()> {
    let mut sql = tx.sql("mend::history");
    let these = sql.is_one_of("user_id", users);
    let least = |column: &str| tx.dialect().least(column, "seq");
    let (arrived, reminded) = (least("arrived_seq"), least("reminded_seq"));
    sql.push(format!(
        "UPDATE inbox_item SET arrived_seq = {arrived}, \
         reminded_seq = CASE WHEN reminded_seq IS NOT NULL THEN {reminded} END WHERE {these}"
    ));
    sql.run(&**tx).await?;
    let mut sql = tx.sql("mend::no_counts");
    let these = sql.is_one_of("user_id", users);
    let none = inbox::COUNTS.iter().map(|(name, _)| format!("{name} = 0"));
    let none = none.collect::<Vec<_>>().join(", ");
    sql.push(format!(
        "UPDATE inbox SET purged_seq = seq, unread_by_category = NULL, {none} WHERE {these}"
    ));
    sql.run(&**tx).await?;
    let mut sql = tx.sql("mend::counts");
    let these = sql.is_one_of("user_id", users);
    sql.push(format!(
        "UPDATE inbox SET {} \
         FROM (SELECT user_id, {} FROM inbox_item WHERE {these} GROUP BY user_id) AS t \
         WHERE inbox.user_id = t.user_id",
        inbox::with_tally(tx.dialect(), '+'),
        inbox::tally(tx.dialect())
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// The items of activities of some users.
fn items_of(sql: &mut Sql, users: &[UserId]) -> String {
    let these = sql.is_one_of("x.user_id", users);
    format!("SELECT x.id FROM inbox_item AS x WHERE {these} AND x.kind = 'activity'")
}

/// Makes the items of activities follow from the activities that are in them.
async fn mend_activities(tx: &Tx, users: &[UserId], now: DateTime<Utc>) -> Result<()> {
    let mut sql = tx.sql("mend::unlink_over");
    let items = items_of(&mut sql, users);
    sql.push(format!(
        "DELETE FROM inbox_item_activity WHERE item_id IN ({items}) \
         AND activity_id IN (SELECT a.id FROM activity AS a WHERE a.settled_at IS NOT NULL)"
    ));
    sql.run(&**tx).await?;
    // If an activity is in two items, the first keeps it.
    let mut sql = tx.sql("mend::unlink_twice");
    let items = items_of(&mut sql, users);
    sql.push(format!(
        "DELETE FROM inbox_item_activity WHERE item_id IN ({items}) AND EXISTS \
         (SELECT 1 FROM inbox_item_activity AS o JOIN inbox_item AS first ON first.id = o.item_id \
         JOIN inbox_item AS i ON i.user_id = first.user_id \
         WHERE i.id = inbox_item_activity.item_id \
         AND o.activity_id = inbox_item_activity.activity_id \
         AND o.item_id < inbox_item_activity.item_id)"
    ));
    sql.run(&**tx).await?;
    let mut sql = tx.sql("mend::no_actors");
    let items = items_of(&mut sql, users);
    sql.push(format!("DELETE FROM inbox_item_actor WHERE item_id IN ({items})"));
    sql.run(&**tx).await?;
    let mut sql = tx.sql("mend::actors");
    let items = items_of(&mut sql, users);
    sql.push(format!(
        "INSERT INTO inbox_item_actor (item_id, actor_id, activity_count, latest_activity_id) \
         SELECT l.item_id, coalesce(a.actor_id, 0), CAST(count(*) AS integer), max(l.activity_id) \
         FROM inbox_item_activity AS l JOIN activity AS a ON a.id = l.activity_id \
         WHERE l.item_id IN ({items}) GROUP BY l.item_id, coalesce(a.actor_id, 0)"
    ));
    sql.run(&**tx).await?;
    let mut sql = tx.sql("mend::activity_counts");
    let (items, removed_at) = (items_of(&mut sql, users), sql.bind(now));
    let of_item = "FROM inbox_item_activity AS l WHERE l.item_id = inbox_item.id";
    sql.push(format!(
        "UPDATE inbox_item SET \
         activity_count = (SELECT CAST(count(*) AS integer) {of_item}), \
         actor_count = (SELECT CAST(count(*) AS integer) \
         FROM inbox_item_actor AS p WHERE p.item_id = inbox_item.id), \
         activity_id = (SELECT max(l.activity_id) {of_item}), \
         removed_at = CASE WHEN removed_at IS NULL AND NOT EXISTS (SELECT 1 {of_item}) \
         THEN {removed_at} ELSE removed_at END WHERE id IN ({items})"
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Locks rows by their ids, always in the same order.
async fn lock(tx: &Tx, mut sql: Sql, table: &str, ids: &[impl Serialize]) -> Result<()> {
    let (these, for_update) = (sql.is_one_of("id", ids), sql.dialect().for_update());
    sql.push(format!("SELECT id FROM {table} WHERE {these} ORDER BY id {for_update}"));
    sql.rows(&**tx).await?;
    Ok(())
}

/// Records what was seen and read in the inboxes, and counts the readers of messages and of their
/// addresses.
async fn mend_messages(tx: &Tx, messages: &[MessageId]) -> Result<()> {
    let mut sql = tx.sql("mend::note_readings");
    let these = sql.is_one_of("message_recipient.message_id", messages);
    sql.push(format!(
        "UPDATE message_recipient SET \
         seen_at = coalesce(message_recipient.seen_at, i.seen_at, i.read_at), \
         read_at = coalesce(message_recipient.read_at, i.read_at) FROM inbox_item AS i \
         WHERE {these} AND i.message_id = message_recipient.message_id \
         AND i.user_id = message_recipient.user_id \
         AND (i.read_at IS NOT NULL AND message_recipient.read_at IS NULL \
         OR i.seen_at IS NOT NULL AND message_recipient.seen_at IS NULL)"
    ));
    sql.run(&**tx).await?;
    lock(tx, tx.sql("mend::lock_messages"), "message", messages).await?;
    let whole = tx.sql("mend::message_counts");
    count_readers(tx, whole, "message", "id", "message_id", messages).await?;
    let by_address = tx.sql("mend::address_counts");
    count_readers(tx, by_address, "message_audience", "message_id", "audience_id", messages).await
}

/// Counts the people whom rows of a table have reached, and those of them who have read it.
/// `message` is the table's column with the id of the message, `column` the recipients' column with
/// the id of the row.
async fn count_readers(
    tx: &Tx,
    mut sql: Sql,
    table: &str,
    message: &str,
    column: &str,
    messages: &[MessageId],
) -> Result<()> {
    let these = sql.is_one_of(message, messages);
    let of = |what: &str, who: &str| {
        format!(
            "(SELECT {what} FROM message_recipient AS r \
             WHERE r.message_id = {table}.{message} AND r.{column} = {table}.id{who})"
        )
    };
    let count = |who: &str| of("CAST(count(DISTINCT r.user_id) AS integer)", who);
    let (all, seen, read) =
        (count(""), count(" AND r.seen_at IS NOT NULL"), count(" AND r.read_at IS NOT NULL"));
    let (first, last) = (of("min(r.read_at)", ""), of("max(r.read_at)", ""));
    // An address does not count them.
    let replied = match table {
        "message" => format!("replied_count = {}, ", count(" AND r.replied_at IS NOT NULL")),
        _ => String::new(),
    };
    sql.push(format!(
        "UPDATE {table} SET {replied}recipient_count = {all}, seen_count = {seen}, \
         read_count = {read}, first_read_at = coalesce(first_read_at, {first}), \
         last_read_at = coalesce(last_read_at, {last}) WHERE {these}"
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Records what was seen and read in the inboxes, and counts the readers of announcements.
async fn mend_announcements(tx: &Tx, announcements: &[AnnouncementId]) -> Result<()> {
    let mut sql = tx.sql("mend::note_announcement_readings");
    let these = sql.is_one_of("i.announcement_id", announcements);
    sql.push(format!(
        "INSERT INTO announcement_reading (announcement_id, user_id, seen_at, read_at) \
         SELECT i.announcement_id, i.user_id, coalesce(i.seen_at, i.read_at), i.read_at \
         FROM inbox_item AS i WHERE {these} AND (i.seen_at IS NOT NULL OR i.read_at IS NOT NULL) \
         ON CONFLICT (announcement_id, user_id) DO UPDATE SET read_at = excluded.read_at \
         WHERE announcement_reading.read_at IS NULL AND excluded.read_at IS NOT NULL"
    ));
    sql.run(&**tx).await?;
    lock(tx, tx.sql("mend::lock_announcements"), "announcement", announcements).await?;
    let mut sql = tx.sql("mend::announcement_counts");
    let these = sql.is_one_of("id", announcements);
    let of = |what: &str| {
        format!(
            "(SELECT {what} FROM announcement_reading AS r \
             WHERE r.announcement_id = announcement.id)"
        )
    };
    sql.push(format!(
        "UPDATE announcement SET seen_count = {}, read_count = {}, \
         first_read_at = coalesce(first_read_at, {}), last_read_at = coalesce(last_read_at, {}) \
         WHERE {these}",
        of("CAST(count(*) AS integer)"),
        of("CAST(count(r.read_at) AS integer)"),
        of("min(r.read_at)"),
        of("max(r.read_at)"),
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Makes the history of a thread as long as its messages require.
async fn mend_thread(tx: &Tx, root: MessageId) -> Result<()> {
    let mut sql = tx.sql("mend::lock_thread");
    let (root_id, for_update) = (sql.bind(root), sql.dialect().for_update());
    sql.push(format!("SELECT seq FROM thread WHERE root_id = {root_id} {for_update}"));
    sql.rows(&**tx).await?;
    let mut sql = tx.sql("mend::lengthen_thread");
    let (root, longer) = (sql.bind(root), sql.dialect().greatest("thread.seq", "excluded.seq"));
    sql.push(format!(
        "INSERT INTO thread (root_id, seq) SELECT CAST({root} AS bigint), max(m.seq) \
         FROM message AS m WHERE m.root_id = {root} OR m.id = {root} \
         ON CONFLICT (root_id) DO UPDATE SET seq = {longer}"
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// Ends the reminder of a message that has expired.
async fn mend_reminder(tx: &Tx, message: MessageId, now: DateTime<Utc>) -> Result<()> {
    let mut sql = tx.sql("mend::end_reminder");
    let (message, now) = (sql.bind(message), sql.bind(now));
    sql.push(format!(
        "UPDATE reminder SET next_at = NULL, closed_at = coalesce(closed_at, {now}) \
         WHERE message_id = {message} AND EXISTS (SELECT 1 FROM message AS m \
         WHERE m.id = {message} AND m.expired_at IS NOT NULL)"
    ));
    sql.run(&**tx).await?;
    Ok(())
}

async fn mend_subscriptions(tx: &Tx, user: UserId) -> Result<()> {
    inbox::lock(tx, &[user]).await?;
    let mut sql = tx.sql("mend::subscriptions");
    let (dialect, user) = (sql.dialect(), sql.bind(user));
    let head = "(SELECT coalesce(max(id), 0) FROM activity)";
    let since = dialect.least("since", head);
    let until = dialect.greatest(&since, &dialect.least("until", head));
    sql.push(format!(
        "UPDATE subscription SET since = {since}, \
         until = CASE WHEN until IS NOT NULL THEN {until} END WHERE user_id = {user}"
    ));
    sql.run(&**tx).await?;
    Ok(())
}
