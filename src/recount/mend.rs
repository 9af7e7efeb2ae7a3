//! Mends what was found: everything about a subject is made what follows from its items and recipients, under the locks
//! of those who change them. What is right stays, so it does no harm if somebody was faster.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{
    CLOCKS_DIFFER, Finding, Subject,
    checks::{STAYS, since},
};
use crate::{
    db::{Db, Topic, Tx, integers, list},
    error::Result,
    inbox::{self, kind::ItemKind, live},
};

/// Inboxes, messages or announcements that one transaction locks.
const MOST: usize = 100;

/// Mends what was found. Look again afterwards: what was found may have hidden something else.
pub async fn mend(db: &Db, findings: &[Finding], now: DateTime<Utc>) -> Result<()> {
    let subjects = |of: fn(&Finding) -> Option<i64>| -> Vec<i64> {
        findings.iter().filter_map(of).collect::<BTreeSet<_>>().into_iter().collect()
    };
    let undelivered = findings.iter().filter_map(|finding| match finding {
        Finding { subject: Subject::Delivery(message), part: Some(user), .. } => {
            Some([*user, *message])
        }
        _ => None,
    });
    let undelivered: Vec<_> = undelivered.collect();
    let of_inbox = |finding: &Finding| match finding.subject {
        Subject::Inbox(user) => Some(user),
        Subject::Delivery(_) => finding.part,
        _ => None,
    };
    for users in subjects(of_inbox).chunks(MOST) {
        let missing: Vec<_> =
            undelivered.iter().filter(|[user, _]| users.contains(user)).copied().collect();
        let tx = db.begin().await?;
        mend_inboxes(&tx, users, &missing, now).await?;
        live::tell_within(&tx, users.iter().map(|user| Topic::Inbox(*user))).await?;
        tx.commit().await?;
    }
    let of_message = |finding: &Finding| match finding.subject {
        Subject::Message(message) => Some(message),
        _ => None,
    };
    for messages in subjects(of_message).chunks(MOST) {
        let tx = db.begin().await?;
        mend_messages(&tx, messages).await?;
        live::tell_within(&tx, messages.iter().map(|message| Topic::Reading(*message))).await?;
        tx.commit().await?;
    }
    let of_announcement = |finding: &Finding| match finding.subject {
        Subject::Announcement(announcement) => Some(announcement),
        _ => None,
    };
    for announcements in subjects(of_announcement).chunks(MOST) {
        let tx = db.begin().await?;
        mend_announcements(&tx, announcements).await?;
        tx.commit().await?;
    }
    for finding in findings {
        let tx = db.begin().await?;
        match finding.subject {
            Subject::Thread(root) => {
                mend_thread(&tx, root).await?;
                live::tell_within(&tx, [Topic::Thread(root)]).await?;
            }
            Subject::Reminder(message) => {
                let end = "UPDATE reminder SET next_at = NULL, closed_at = coalesce(closed_at, $2) WHERE message_id = $1 \
                           AND EXISTS (SELECT 1 FROM message AS m WHERE m.id = $1 AND m.expired_at IS NOT NULL)";
                tx.run(end, [message.into(), now.into()]).await?;
            }
            Subject::Subscriptions(user) => mend_subscriptions(&tx, user).await?,
            Subject::Inbox(_)
            | Subject::Delivery(_)
            | Subject::Message(_)
            | Subject::Announcement(_) => {}
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Mends inboxes: what is missing in them comes, what is over leaves, and the counts follow. `missing` has the users and
/// messages of what was not delivered.
///
/// Their clients may know anything of what was wrong. So none can go on from an older cursor: they load the inbox anew.
async fn mend_inboxes(
    tx: &Tx,
    users: &[i64],
    missing: &[[i64; 2]],
    now: DateTime<Utc>,
) -> Result<()> {
    let dialect = tx.dialect();
    inbox::lock(tx, users).await?;
    tx.while_nothing_is_withdrawn().await?;
    let these = dialect.is_one_of("user_id", "$1");
    let latest =
        "coalesce((SELECT max(i.seq) FROM inbox_item AS i WHERE i.user_id = inbox.user_id), 0)";
    let announcements = dialect
        .least("announcements_pulled", "(SELECT coalesce(max(position), 0) FROM announcement)");
    let positions = format!(
        "UPDATE inbox SET seq = {} + 1, announcements_pulled = {announcements}, announcements_since = {}, \
         activities_pulled = {} WHERE {these}",
        dialect.greatest("seq", &dialect.greatest("purged_seq", latest)),
        since(dialect, "inbox", &announcements),
        dialect.least("activities_pulled", "(SELECT coalesce(max(id), 0) FROM activity)"),
    );
    tx.run(&positions, [list(users)]).await?;

    // A tombstone of what should be there comes back to life.
    const BACK: &str = "DO UPDATE SET removed_at = NULL, seq = excluded.seq, arrived_seq = excluded.arrived_seq \
        WHERE inbox_item.removed_at IS NOT NULL";
    let deliver = format!(
        "INSERT INTO inbox_item (user_id, kind, message_id, seq, arrived_seq, created_at, updated_at) \
         SELECT DISTINCT b.user_id, 'message', m.id, b.seq, b.seq, m.created_at, m.created_at FROM {} AS w \
         JOIN inbox AS b ON b.user_id = w.user_id JOIN message AS m ON m.id = w.message_id \
         JOIN message_recipient AS r ON r.message_id = w.message_id AND r.user_id = w.user_id WHERE {STAYS} AND {} \
         ON CONFLICT (message_id, user_id) WHERE message_id IS NOT NULL {BACK}",
        dialect.integer_table("$1", &["user_id", "message_id"]),
        dialect.is_one_of("b.user_id", "$2"),
    );
    let stays_until = now + CLOCKS_DIFFER;
    tx.run(&deliver, [integers(missing.iter().copied()), list(users), stays_until.into()]).await?;
    let take_in = format!(
        "INSERT INTO inbox_item (user_id, kind, announcement_id, seq, arrived_seq, created_at, updated_at) \
         SELECT b.user_id, 'announcement', n.id, b.seq, b.seq, n.publish_at, n.publish_at FROM inbox AS b \
         JOIN announcement AS n ON n.position > b.announcements_since AND n.position <= b.announcements_pulled \
         AND n.withdrawn_at IS NULL WHERE {} ON CONFLICT (announcement_id, user_id) WHERE announcement_id IS NOT NULL {BACK}",
        dialect.is_one_of("b.user_id", "$1"),
    );
    tx.run(&take_in, [list(users)]).await?;

    let is_over = |kind: &ItemKind| {
        let ItemKind { column, table, alias, .. } = kind;
        let has_left = kind.has_left?;
        Some(format!(
            "{column} IN (SELECT {alias}.id FROM {table} AS {alias} \
             WHERE {alias}.id = inbox_item.{column} AND {has_left})"
        ))
    };
    let is_over = ItemKind::all().filter_map(is_over).collect::<Vec<_>>().join(" OR ");
    let remove = format!(
        "UPDATE inbox_item SET removed_at = $2 WHERE {these} AND removed_at IS NULL AND ({is_over})"
    );
    tx.run(&remove, [list(users), now.into()]).await?;
    mend_activities(tx, users, now).await?;

    let history = format!(
        "UPDATE inbox_item SET arrived_seq = {}, reminded_seq = CASE WHEN reminded_seq IS NOT NULL THEN {} END WHERE {these}",
        dialect.least("arrived_seq", "seq"),
        dialect.least("reminded_seq", "seq"),
    );
    tx.run(&history, [list(users)]).await?;
    let none = inbox::COUNTS.iter().map(|(name, _)| format!("{name} = 0"));
    let none = none.collect::<Vec<_>>().join(", ");
    tx.run(&format!("UPDATE inbox SET purged_seq = seq, {none} WHERE {these}"), [list(users)])
        .await?;
    let count = format!(
        "UPDATE inbox SET {} FROM (SELECT user_id, {} FROM inbox_item WHERE {these} GROUP BY user_id) AS t \
         WHERE inbox.user_id = t.user_id",
        inbox::with_tally('+'),
        inbox::tally()
    );
    tx.run(&count, [list(users)]).await?;
    Ok(())
}

/// Makes the items of activities what follows from the activities that are in them.
async fn mend_activities(tx: &Tx, users: &[i64], now: DateTime<Utc>) -> Result<()> {
    let these = tx.dialect().is_one_of("x.user_id", "$1");
    let items = format!("SELECT x.id FROM inbox_item AS x WHERE {these} AND x.kind = 'activity'");
    let users = list(users);
    let over = format!(
        "DELETE FROM inbox_item_activity WHERE item_id IN ({items}) \
         AND activity_id IN (SELECT a.id FROM activity AS a WHERE a.settled_at IS NOT NULL)"
    );
    tx.run(&over, [users.clone()]).await?;
    // Of an activity that is in two items, the first keeps it.
    let twice = format!(
        "DELETE FROM inbox_item_activity WHERE item_id IN ({items}) AND EXISTS (SELECT 1 FROM inbox_item_activity AS o \
         JOIN inbox_item AS first ON first.id = o.item_id JOIN inbox_item AS i ON i.user_id = first.user_id \
         WHERE i.id = inbox_item_activity.item_id AND o.activity_id = inbox_item_activity.activity_id \
         AND o.item_id < inbox_item_activity.item_id)"
    );
    tx.run(&twice, [users.clone()]).await?;
    tx.run(&format!("DELETE FROM inbox_item_actor WHERE item_id IN ({items})"), [users.clone()])
        .await?;
    let actors = format!(
        "INSERT INTO inbox_item_actor (item_id, actor_id, activity_count, latest_activity_id) \
         SELECT l.item_id, coalesce(a.actor_id, 0), CAST(count(*) AS integer), max(l.activity_id) \
         FROM inbox_item_activity AS l JOIN activity AS a ON a.id = l.activity_id WHERE l.item_id IN ({items}) \
         GROUP BY l.item_id, coalesce(a.actor_id, 0)"
    );
    tx.run(&actors, [users.clone()]).await?;
    let of_item = "FROM inbox_item_activity AS l WHERE l.item_id = inbox_item.id";
    let count = format!(
        "UPDATE inbox_item SET activity_count = (SELECT CAST(count(*) AS integer) {of_item}), \
         actor_count = (SELECT CAST(count(*) AS integer) FROM inbox_item_actor AS p WHERE p.item_id = inbox_item.id), \
         activity_id = (SELECT max(l.activity_id) {of_item}), \
         removed_at = CASE WHEN removed_at IS NULL AND NOT EXISTS (SELECT 1 {of_item}) THEN $2 ELSE removed_at END \
         WHERE id IN ({items})"
    );
    tx.run(&count, [users, now.into()]).await?;
    Ok(())
}

/// Notes what was seen and read in the inboxes, and counts the readers of messages and of their addresses.
async fn mend_messages(tx: &Tx, messages: &[i64]) -> Result<()> {
    let dialect = tx.dialect();
    let note = format!(
        "UPDATE message_recipient SET seen_at = coalesce(message_recipient.seen_at, i.seen_at, i.read_at), \
         read_at = coalesce(message_recipient.read_at, i.read_at) FROM inbox_item AS i \
         WHERE {} AND i.message_id = message_recipient.message_id AND i.user_id = message_recipient.user_id \
         AND (i.read_at IS NOT NULL AND message_recipient.read_at IS NULL \
         OR i.seen_at IS NOT NULL AND message_recipient.seen_at IS NULL)",
        dialect.is_one_of("message_recipient.message_id", "$1")
    );
    tx.run(&note, [list(messages)]).await?;
    let these = dialect.is_one_of("id", "$1");
    let lock = format!("SELECT id FROM message WHERE {these} ORDER BY id {}", dialect.for_update());
    tx.rows(&lock, [list(messages)]).await?;
    for (table, column) in [("message", "message_id"), ("message_audience", "audience_id")] {
        let count = |who: &str| {
            format!(
                "(SELECT CAST(count(DISTINCT r.user_id) AS integer) FROM message_recipient AS r \
                 WHERE r.message_id = {table}.{} AND r.{column} = {table}.id{who})",
                if table == "message" { "id" } else { "message_id" }
            )
        };
        let end = |end: &str| {
            format!(
                "(SELECT {end}(r.read_at) FROM message_recipient AS r WHERE r.message_id = {table}.{} AND r.{column} = {table}.id)",
                if table == "message" { "id" } else { "message_id" }
            )
        };
        let update = format!(
            "UPDATE {table} SET recipient_count = {}, seen_count = {}, read_count = {}, \
             first_read_at = coalesce(first_read_at, {}), last_read_at = coalesce(last_read_at, {}) WHERE {}",
            count(""),
            count(" AND r.seen_at IS NOT NULL"),
            count(" AND r.read_at IS NOT NULL"),
            end("min"),
            end("max"),
            dialect.is_one_of(if table == "message" { "id" } else { "message_id" }, "$1"),
        );
        tx.run(&update, [list(messages)]).await?;
    }
    Ok(())
}

/// Notes what was seen and read in the inboxes, and counts the readers of announcements.
async fn mend_announcements(tx: &Tx, announcements: &[i64]) -> Result<()> {
    let dialect = tx.dialect();
    let note = format!(
        "INSERT INTO announcement_reading (announcement_id, user_id, seen_at, read_at) \
         SELECT i.announcement_id, i.user_id, coalesce(i.seen_at, i.read_at), i.read_at FROM inbox_item AS i \
         WHERE {} AND (i.seen_at IS NOT NULL OR i.read_at IS NOT NULL) ON CONFLICT (announcement_id, user_id) \
         DO UPDATE SET read_at = excluded.read_at WHERE announcement_reading.read_at IS NULL AND excluded.read_at IS NOT NULL",
        dialect.is_one_of("i.announcement_id", "$1")
    );
    tx.run(&note, [list(announcements)]).await?;
    let these = dialect.is_one_of("id", "$1");
    let lock =
        format!("SELECT id FROM announcement WHERE {these} ORDER BY id {}", dialect.for_update());
    tx.rows(&lock, [list(announcements)]).await?;
    let of = |what: &str| {
        format!(
            "(SELECT {what} FROM announcement_reading AS r WHERE r.announcement_id = announcement.id)"
        )
    };
    let count = format!(
        "UPDATE announcement SET seen_count = {}, read_count = {}, first_read_at = coalesce(first_read_at, {}), \
         last_read_at = coalesce(last_read_at, {}) WHERE {these}",
        of("CAST(count(*) AS integer)"),
        of("CAST(count(r.read_at) AS integer)"),
        of("min(r.read_at)"),
        of("max(r.read_at)"),
    );
    tx.run(&count, [list(announcements)]).await?;
    Ok(())
}

/// Makes the history of a thread as long as its messages say.
async fn mend_thread(tx: &Tx, root: i64) -> Result<()> {
    let lock = format!("SELECT seq FROM thread WHERE root_id = $1 {}", tx.dialect().for_update());
    tx.rows(&lock, [root.into()]).await?;
    let lengthen = format!(
        "INSERT INTO thread (root_id, seq) \
         SELECT CAST($1 AS bigint), max(m.seq) FROM message AS m WHERE m.root_id = $1 OR m.id = $1 \
         ON CONFLICT (root_id) DO UPDATE SET seq = {}",
        tx.dialect().greatest("thread.seq", "excluded.seq")
    );
    tx.run(&lengthen, [root.into()]).await?;
    Ok(())
}

async fn mend_subscriptions(tx: &Tx, user: i64) -> Result<()> {
    let dialect = tx.dialect();
    let lock = format!("SELECT user_id FROM inbox WHERE user_id = $1 {}", dialect.for_update());
    tx.rows(&lock, [user.into()]).await?;
    let head = "(SELECT coalesce(max(id), 0) FROM activity)";
    let since = dialect.least("since", head);
    let until = dialect.greatest(&since, &dialect.least("until", head));
    let limit = format!(
        "UPDATE subscription SET since = {since}, until = CASE WHEN until IS NOT NULL THEN {until} END WHERE user_id = $1"
    );
    tx.run(&limit, [user.into()]).await?;
    Ok(())
}
