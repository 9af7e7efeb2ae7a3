//! Reminders (M10–M12): people who have not read a message, or not replied to it, find it at the
//! top of their inbox again.
//!
//! Each person is reminded exactly once for each date, however many servers there are, even if one
//! dies halfway or all of them were down for a week. One transaction of [`remind`]:
//!
//! 1. `claim` locks up to 1 000 reminders that are due, skipping those that others have locked, and
//!    reads their contents only under the locks. While its `delivery` is under way, a message is
//!    not due.
//! 2. It takes as many of these messages as have [`inbox::BATCH`] recipients together, either all
//!    at their last date or none, or a part of one large message.
//! 3. The inboxes are locked, and the items of people who still have to be reminded change.
//! 4. Each recipient's row notes the reminder. A small message moves on to the first date that is
//!    still to come; a large one notes how far it has got (`reminded_to`), and its date stays.
//!
//! A server that finds only dates that others have claimed waits for one of these locks while
//! holding nothing: if the other server fails, the date is left to this one.
//!
//! - There are no deadlocks: reminders are locked after threads and before inboxes, no transaction
//!   that holds an inbox or a message asks for one, and a reminder locks no message.
//! - Nobody who has read or replied, or has muted the thread, is reminded: marking as read and
//!   muting hold the lock of the inbox, under which the question is asked again, and a reply holds
//!   the lock of the reminder ([`lock_for_reply`]).
//! - Whether a date is the last one is decided with its first part (`respond_by`), so a crash
//!   cannot make it both. Every part moves `respond_by`: people who are reached late have 24 hours,
//!   too.
//! - A step or time zone that only a later version understands is left to that version.
//!
//! `schedule`: the dates. `setting`: what senders ask for. `replies`: what a reply ends. `campaign`:
//! what happens to people who never reply.

mod campaign;
mod replies;
mod schedule;
mod setting;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{LazyLock, Once},
};

use ::entity::id::{ItemId, MessageId, UserId};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::FromQueryResult;

use crate::{
    app::App,
    config::Step,
    db::{Sql, Tx},
    error::{Error, Result},
    inbox::{self, Change},
};

pub use campaign::{deactivate, next_over, over};
pub use replies::{lock_for_reply, lock_free_for_replies, note_replies};
pub use schedule::Schedule;
pub use setting::{
    Plan, RemindUntil, ReminderInput, begin, change, dates, hold, most_dates, plan, schedule_of,
    set,
};

/// How long people have to respond after the last reminder.
const GRACE: TimeDelta = TimeDelta::hours(24);
/// The most messages that one transaction claims.
const MOST_CLAIMED: u64 = 1_000;

/// Reminders `r` that this version of the server understands: it leaves those that a later version
/// has set to that version.
static UNDERSTOOD: LazyLock<String> = LazyLock::new(|| {
    let units: Vec<_> = Step::units().map(|unit| format!("r.step LIKE '% {unit}'")).collect();
    let zones: Vec<_> =
        chrono_tz::TZ_VARIANTS.iter().map(|zone| format!("'{}'", zone.name())).collect();
    format!("({}) AND r.zone IN ({})", units.join(" OR "), zones.join(", "))
});
/// Reminders `r` of messages that are in the inboxes: a send that is under way finishes first.
const DELIVERED: &str =
    "NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.message_id = r.message_id)";
/// Dates `r` that are due.
fn is_due(sql: &mut Sql, now: DateTime<Utc>) -> String {
    format!("r.next_at <= {} AND {} AND {DELIVERED}", sql.bind(now), *UNDERSTOOD)
}

/// Whether the reminder `q` still concerns the recipient `r`.
const PENDING: &str = "CASE q.until WHEN 'replied' THEN r.replied_at ELSE r.read_at END IS NULL";

/// Whether the recipient `r` is a person who is not deactivated.
const IS_ACTIVE: &str =
    "EXISTS (SELECT 1 FROM user_account AS u WHERE u.id = r.user_id AND u.deactivated_at IS NULL)";

/// Whether the recipient `r` has not muted the thread of the message `m`. A campaign, which
/// deactivates those who do not reply, reminds everybody.
const LISTENS: &str = "(q.deactivates OR NOT EXISTS (SELECT 1 FROM thread_mute AS t \
    WHERE t.root_id = coalesce(m.root_id, m.id) AND t.user_id = r.user_id))";

/// A claimed date.
struct Due {
    message: MessageId,
    schedule: Schedule,
    /// Whether it is the last one. Decided when its first part is sent: it is one date, however
    /// long the rest takes.
    is_final: bool,
    reminded_to: UserId,
    recipients: i64,
}

/// The time of the next date.
pub async fn next_due(app: &App) -> Result<Option<DateTime<Utc>>> {
    match first(app, app.db.sql("reminders::next"), "true").await? {
        Some(Next { next_at: at, is_understood: 0 }) => {
            if at <= app.clock.now() {
                static ONCE: Once = Once::new();
                ONCE.call_once(|| {
                    tracing::warn!(
                        "reminders are left to a later version of the server, which has set them"
                    )
                });
            }
            let understood = app.db.sql("reminders::next_understood");
            Ok(first(app, understood, UNDERSTOOD.as_str()).await?.map(|next| next.next_at))
        }
        first => Ok(first.map(|next| next.next_at)),
    }
}

/// A date, and whether this version of the server understands it: 1 or 0.
#[derive(FromQueryResult)]
struct Next {
    next_at: DateTime<Utc>,
    is_understood: i32,
}

/// The earliest date among some reminders `r`.
async fn first(app: &App, mut sql: Sql, which: &str) -> Result<Option<Next>> {
    sql.push(format!(
        "SELECT r.next_at, CASE WHEN {} THEN 1 ELSE 0 END AS is_understood FROM reminder AS r \
         WHERE r.next_at IS NOT NULL AND {DELIVERED} AND {which} ORDER BY r.next_at LIMIT 1",
        *UNDERSTOOD
    ));
    sql.one(app.db.read()).await
}

/// One transaction: claims dates that are due, and reminds as many people as one transaction may.
pub async fn remind(app: &App) -> Result<()> {
    let now = app.clock.now();
    let tx = app.db.begin().await?;
    let mut due = claim(&tx, now).await?;
    let Some(first) = due.first() else {
        // Others have claimed what is due. They may still fail and leave it to us, so wait for
        // them.
        let mut sql = tx.sql("reminders::wait");
        let (is_due, for_update) = (is_due(&mut sql, now), sql.dialect().for_update());
        sql.push(format!(
            "SELECT 1 FROM reminder AS r WHERE {is_due} ORDER BY r.next_at LIMIT 1 {for_update}"
        ));
        sql.rows(&*tx).await?;
        return tx.commit().await;
    };
    let (is_final, after) = (first.is_final, first.reminded_to);
    let is_large = after > UserId(0) || first.recipients > inbox::BATCH;
    let mut room = inbox::BATCH;
    if is_large {
        due.truncate(1);
    } else {
        // The commit releases the rest.
        due.retain(|due| {
            let fits =
                due.is_final == is_final && due.reminded_to == UserId(0) && due.recipients <= room;
            room -= if fits { due.recipients } else { 0 };
            fits
        });
    }
    let respond_by = is_final.then(|| now + GRACE);
    let messages: Vec<_> = due.iter().map(|due| due.message).collect();
    let part = if is_large { next_part(&tx, messages[0], after).await? } else { None };
    remind_people(&tx, &messages, after, part.unwrap_or(UserId(i64::MAX)), respond_by, now).await?;
    match part {
        Some(up_to) => {
            let mut sql = tx.sql("reminders::note_part");
            let (up_to, respond_by) = (sql.bind(up_to), sql.bind(respond_by));
            let message = sql.bind(messages[0]);
            sql.push(format!(
                "UPDATE reminder SET reminded_to = {up_to}, respond_by = {respond_by} \
                 WHERE message_id = {message}"
            ));
            sql.run(&*tx).await?;
        }
        None => move_on(&tx, due, respond_by, now).await?,
    }
    tx.commit().await
}

/// The last user of the next part of a large message, in index order; None if what is left is no
/// more than a part.
async fn next_part(tx: &Tx, message: MessageId, after: UserId) -> Result<Option<UserId>> {
    #[derive(FromQueryResult)]
    struct Part {
        last: Option<UserId>,
        people: i64,
    }
    let most = inbox::BATCH;
    let mut sql = tx.sql("reminders::next_part");
    let (message, after) = (sql.bind(message), sql.bind(after));
    sql.push(format!(
        "SELECT max(user_id) AS last, count(*) AS people FROM \
         (SELECT DISTINCT user_id FROM message_recipient \
         WHERE message_id = {message} AND user_id > {after} ORDER BY user_id LIMIT {most}) AS part"
    ));
    let part: Option<Part> = sql.one(&**tx).await?;
    Ok(part.filter(|part| part.people == most).and_then(|part| part.last))
}

/// A reminder and its message.
#[derive(FromQueryResult)]
struct Claimed {
    message_id: MessageId,
    step: String,
    zone: String,
    since: DateTime<Utc>,
    reminded_to: UserId,
    respond_by: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    recipient_count: i32,
}

/// Locks dates that are due and that nobody else has locked; the earliest first.
async fn claim(tx: &Tx, now: DateTime<Utc>) -> Result<Vec<Due>> {
    let mut sql = tx.sql("reminders::claim");
    let (is_due, unlocked) = (is_due(&mut sql, now), sql.dialect().for_update_of_unlocked("r"));
    sql.push(format!(
        "SELECT r.message_id FROM reminder AS r WHERE {is_due} \
         ORDER BY r.next_at, r.message_id LIMIT {MOST_CLAIMED} {unlocked}"
    ));
    let claimed: Vec<MessageId> = sql.values(&**tx).await?;
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    // Only now, under the lock: what was read with it may predate somebody's last change.
    let mut sql = tx.sql("reminders::claimed");
    let these = sql.is_one_of("r.message_id", &claimed);
    sql.push(format!(
        "SELECT r.message_id, r.step, r.zone, r.since, r.reminded_to, r.respond_by, \
         m.expires_at, m.recipient_count \
         FROM reminder AS r JOIN message AS m ON m.id = r.message_id \
         WHERE {these} ORDER BY r.next_at, r.message_id"
    ));
    let mut due = Vec::with_capacity(claimed.len());
    for row in sql.all::<Claimed>(&**tx).await? {
        let Claimed { message_id: message, step, expires_at: expiry, .. } = row;
        let Some(schedule) = setting::schedule(&step, &row.zone, row.since, expiry) else {
            tracing::error!(message = message.0, step, "a reminder cannot be understood");
            continue;
        };
        due.push(Due {
            message,
            schedule,
            is_final: if row.reminded_to > UserId(0) {
                row.respond_by.is_some()
            } else {
                expiry.is_some_and(|expiry| expiry <= now)
            },
            reminded_to: row.reminded_to,
            recipients: row.recipient_count.into(),
        });
    }
    // Otherwise it would look forever at dates that are due and cannot be handled.
    if due.is_empty() {
        Err(Error::internal("no reminder that is due can be understood"))
    } else {
        Ok(due)
    }
}

/// Reminds the recipients of some messages whose user ids are in `(after, up_to]`.
async fn remind_people(
    tx: &Tx,
    messages: &[MessageId],
    after: UserId,
    up_to: UserId,
    respond_by: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut locked = None;
    if tx.dialect().locks_rows() {
        let waiting = waiting(tx, messages, after, up_to).await?;
        inbox::lock(tx, &waiting).await?;
        locked = Some(HashSet::from_iter(waiting));
    }
    // Only now, under the locks: anyone who has read it by then is not reminded. Replies wait for
    // our locks. Nobody whose inbox is not locked is among them.
    let (items, owners) = pending(tx, messages, after, up_to).await?;
    let is_locked =
        |owner| locked.as_ref().is_none_or(|locked: &HashSet<_>| locked.contains(owner));
    let found = items.into_iter().zip(&owners).filter(|(_, owner)| is_locked(owner));
    let items: Vec<_> = found.map(|(item, _)| item).collect();
    if items.is_empty() {
        return Ok(());
    }
    inbox::apply(tx, &items, Change::Remind(respond_by), now).await?;
    let mut sql = tx.sql("reminders::note");
    let (these, now) = (sql.is_one_of("i.id", &items), sql.bind(now));
    sql.push(format!(
        "UPDATE message_recipient SET reminded_at = {now}, \
         reminder_count = message_recipient.reminder_count + 1 \
         FROM inbox_item AS i WHERE {these} AND i.reminded_at = {now} \
         AND message_recipient.message_id = i.message_id AND message_recipient.user_id = i.user_id"
    ));
    sql.run(&**tx).await?;
    Ok(())
}

/// The recipients of some messages who have not done what they are reminded of, and whose ids are
/// in `(after, up_to]`: more than those who have to be reminded, and quicker to find.
async fn waiting(
    tx: &Tx,
    messages: &[MessageId],
    after: UserId,
    up_to: UserId,
) -> Result<Vec<UserId>> {
    let mut sql = tx.sql("reminders::waiting");
    let recipients = recipients(&mut sql, messages, after, up_to, PENDING);
    sql.push(format!("SELECT DISTINCT r.user_id FROM {recipients}"));
    sql.values(&**tx).await
}

/// The items of those recipients of some messages who have to be reminded, and whose ids are in
/// `(after, up_to]`; with their owners.
async fn pending(
    tx: &Tx,
    messages: &[MessageId],
    after: UserId,
    up_to: UserId,
) -> Result<(Vec<ItemId>, Vec<UserId>)> {
    let mut sql = tx.sql("reminders::pending");
    let is_concerned = format!("{PENDING} AND {IS_ACTIVE} AND {LISTENS}");
    let recipients = recipients(&mut sql, messages, after, up_to, &is_concerned);
    let item = inbox::item_about("q.message_id", "r.user_id");
    sql.push(format!("SELECT DISTINCT {item} AS id, r.user_id FROM {recipients}"));
    inbox::items_and_owners(&sql, &**tx).await
}

/// The recipients `r` of some messages `m`, with their reminders `q`, whose ids are in
/// `(after, up_to]` and for whom a condition holds.
fn recipients(
    sql: &mut Sql,
    messages: &[MessageId],
    after: UserId,
    up_to: UserId,
    is_concerned: &str,
) -> String {
    let these = sql.is_one_of("q.message_id", messages);
    let (after, up_to) = (sql.bind(after), sql.bind(up_to));
    let is_concerned = sql.dialect().checked(is_concerned);
    format!(
        "reminder AS q JOIN message AS m ON m.id = q.message_id \
         JOIN message_recipient AS r ON r.message_id = q.message_id \
         WHERE {these} AND r.user_id > {after} AND r.user_id <= {up_to} AND {is_concerned}"
    )
}

/// Moves finished dates to the next one: the first that is still to come, so that a week of
/// downtime is one reminder. Where nobody is left to be reminded, there is no next date.
async fn move_on(
    tx: &Tx,
    due: Vec<Due>,
    respond_by: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<()> {
    let mut by_next: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for due in due {
        // The expiry may have passed while the parts of an earlier date were sent: the last one is
        // still to come.
        let last = due.schedule.expiry.filter(|_| respond_by.is_none());
        by_next.entry(due.schedule.after(now).or(last)).or_default().push(due.message);
    }
    const REMINDED: &str = "EXISTS (SELECT 1 FROM message_recipient AS r \
        WHERE r.message_id = reminder.message_id AND r.reminded_at >= reminder.next_at)";
    let pending = PENDING.replace("q.", "reminder.");
    for (next, messages) in by_next {
        let mut sql = tx.sql("reminders::move_on");
        let these = sql.is_one_of("message_id", &messages);
        let (respond_by, next) = (sql.bind(respond_by), sql.bind(next));
        sql.push(format!(
            "UPDATE reminder SET reminded_to = 0, \
             sent_count = sent_count + CASE WHEN {REMINDED} THEN 1 ELSE 0 END, \
             respond_by = CASE WHEN {REMINDED} THEN {respond_by} END, \
             next_at = CASE WHEN EXISTS (SELECT 1 FROM message_recipient AS r \
             WHERE r.message_id = reminder.message_id AND {pending}) THEN {next} END WHERE {these}"
        ));
        sql.run(&**tx).await?;
    }
    Ok(())
}

/// Locks the reminder of a message, if it has one: waits for a date that is under way.
pub async fn lock(tx: &Tx, message: MessageId) -> Result<()> {
    let mut sql = tx.sql("reminders::lock");
    let (message, for_update) = (sql.bind(message), sql.dialect().for_update());
    sql.push(format!("SELECT 1 FROM reminder WHERE message_id = {message} {for_update}"));
    sql.rows(&**tx).await?;
    Ok(())
}

/// Ends the reminder of a message that leaves the inboxes.
pub async fn close(tx: &Tx, message: MessageId, now: DateTime<Utc>) -> Result<()> {
    let mut sql = tx.sql("reminders::close");
    let (message, now) = (sql.bind(message), sql.bind(now));
    sql.push(format!(
        "UPDATE reminder SET next_at = NULL, closed_at = {now} WHERE message_id = {message}"
    ));
    sql.run(&**tx).await?;
    Ok(())
}
