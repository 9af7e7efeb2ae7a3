//! What senders ask for: a reminder with a message or later, and changes of the expiry that move
//! its dates.

use ::entity::{
    id::{MessageId, UserId},
    message, reminder, user,
};
use async_graphql::{Enum, InputObject, MaybeUndefined};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::OnConflict,
};
use serde::Serialize;

use super::Schedule;
use crate::{
    app::App,
    auth::Actor,
    config::Step,
    db::{Topic, Tx},
    error::{Error, Result},
};

/// The most dates that are shown of a schedule.
const MOST_DATES: usize = 100;
/// The most dates that are shown of a schedule without an end.
const MOST_OPEN_DATES: usize = 10;

/// How a message reminds those who have not read it.
#[derive(InputObject, Clone, Debug, Serialize)]
pub struct ReminderInput {
    /// How often it reminds: `daily`, `weekly` or another name from the server's configuration. The
    /// first reminder is one step from now, and the last is at the expiry, if there is one.
    pub frequency: String,
    /// What ends the reminders for a person.
    #[graphql(default)]
    pub until: RemindUntil,
    /// The time zone in whose local time the dates are calculated: a name from the IANA time zone
    /// database. If omitted, the sender's.
    pub time_zone: Option<String>,
    /// Deactivates recipients who have not replied 24 hours after the final reminder. Only for
    /// ADMIN; requires `until: REPLIED` and an expiry.
    #[graphql(default)]
    pub deactivate_non_repliers: bool,
}

/// What ends the reminders for a person.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[graphql(remote = "::entity::reminder::Until")]
pub enum RemindUntil {
    /// The person has read the message.
    #[default]
    Read,
    /// The person has replied to it, or to any message of the thread that it starts.
    Replied,
}

/// A requested reminder, once everything in it is known to be valid.
#[derive(Clone, Debug)]
pub struct Plan {
    frequency: String,
    step: Step,
    until: RemindUntil,
    zone: Tz,
    deactivates: bool,
}

/// Checks a requested reminder. Only admins may deactivate.
pub fn plan(
    app: &App,
    actor: &Actor,
    sender: Option<&user::Model>,
    input: ReminderInput,
) -> Result<Plan> {
    let step = app.config.reminder_frequencies.step(&input.frequency).ok_or_else(|| {
        let names: Vec<_> = app.config.reminder_frequencies.names().collect();
        Error::invalid("reminder.frequency", format!("must be one of: {}", names.join(", ")))
    })?;
    if input.deactivate_non_repliers {
        if !actor.is_admin() {
            return Err(Error::Forbidden);
        }
        if input.until != RemindUntil::Replied {
            return Err(Error::invalid("reminder.deactivateNonRepliers", "needs until: REPLIED"));
        }
    }
    let zone =
        input.time_zone.as_deref().or(sender.map(|user| user.time_zone.as_str())).unwrap_or("UTC");
    let refuse = |_| {
        Error::invalid(
            "reminder.timeZone",
            "must be a name from the IANA time zone database, such as Europe/Paris",
        )
    };
    Ok(Plan {
        zone: zone.parse().map_err(refuse)?,
        frequency: input.frequency,
        step,
        until: input.until,
        deactivates: input.deactivate_non_repliers,
    })
}

/// Sets or replaces the reminder of a message; its dates count from `since`.
pub async fn set(
    tx: &Tx,
    message: MessageId,
    plan: Plan,
    since: DateTime<Utc>,
    expiry: Option<DateTime<Utc>>,
) -> Result<()> {
    if plan.deactivates && expiry.is_none() {
        return Err(Error::invalid("reminder.deactivateNonRepliers", "needs an expiry"));
    }
    let next = Schedule { since, step: plan.step, zone: plan.zone, expiry }.after(since);
    if next.is_none() {
        return Err(Error::invalid("reminder", "would have no date: the message has expired"));
    }
    let row = reminder::ActiveModel {
        message_id: Set(message),
        frequency: Set(plan.frequency),
        step: Set(plan.step.to_string()),
        until: Set(plan.until.into()),
        zone: Set(plan.zone.name().to_owned()),
        since: Set(since),
        next_at: Set(next),
        reminded_to: Set(UserId(0)),
        sent_count: NotSet,
        respond_by: Set(None),
        deactivates: Set(plan.deactivates),
        deactivated_to: Set(UserId(0)),
        deactivated_at: Set(None),
        closed_at: Set(None),
    };
    use reminder::Column::{
        ClosedAt, DeactivatedAt, DeactivatedTo, Deactivates, Frequency, MessageId, NextAt,
        RemindedTo, RespondBy, Since, Step, Until, Zone,
    };
    let all = [
        Frequency,
        Step,
        Until,
        Zone,
        Since,
        NextAt,
        RemindedTo,
        RespondBy,
        Deactivates,
        DeactivatedTo,
        DeactivatedAt,
        ClosedAt,
    ];
    let replace = OnConflict::column(MessageId).update_columns(all).to_owned();
    reminder::Entity::insert(row).on_conflict(replace).exec_without_returning(&**tx).await?;
    tx.concerns([Topic::Jobs]);
    Ok(())
}

/// Applies a change of a message: its new expiry, and its new reminder, none, or the one that it
/// has. The caller holds the lock of the thread.
pub async fn change(
    tx: &Tx,
    actor: &Actor,
    message: &message::Model,
    expiry: Option<DateTime<Utc>>,
    plan: MaybeUndefined<Plan>,
    now: DateTime<Utc>,
) -> Result<()> {
    // Waits for a date that is under way.
    super::lock(tx, message.id).await?;
    match plan {
        MaybeUndefined::Value(plan) => return set(tx, message.id, plan, now, expiry).await,
        MaybeUndefined::Null => {
            let mut sql = tx.sql("reminders::delete");
            let message = sql.bind(message.id);
            sql.push(format!("DELETE FROM reminder WHERE message_id = {message}"));
            sql.run(&**tx).await?;
            return Ok(());
        }
        MaybeUndefined::Undefined if expiry == message.expires_at => return Ok(()),
        MaybeUndefined::Undefined => {}
    }
    let row = reminder::Entity::find()
        .filter(reminder::COLUMN.message_id.eq(message.id))
        .one(&**tx)
        .await?;
    let Some(row) = row else { return Ok(()) };
    if row.deactivates && expiry.is_none() {
        return Err(Error::invalid(
            "expiresAt",
            "is required: the message deactivates those who have not replied by then",
        ));
    }
    // Withdrawn: nobody is reminded or deactivated any more.
    let is_withdrawn = expiry.is_some_and(|expiry| expiry <= now);
    // Only admins may say who is deactivated and when; calling it off is not reserved to them.
    if row.deactivates && !is_withdrawn && !actor.is_admin() {
        return Err(Error::Forbidden);
    }
    // A date that has come is sent in full, whoever has received it already.
    let is_under_way = !is_withdrawn && row.next_at.is_some_and(|next| next <= now);
    let next = match schedule_of(&row, expiry) {
        _ if is_withdrawn => None,
        Some(schedule) => schedule.after(now),
        None => {
            let why = "this version of the server does not know the frequency or the time zone of the reminder";
            return Err(Error::Conflict(why.into()));
        }
    };
    let follow = reminder::ActiveModel {
        message_id: Set(message.id),
        next_at: Set(if is_under_way { row.next_at } else { next }),
        reminded_to: Set(if is_under_way { row.reminded_to } else { UserId(0) }),
        respond_by: Set(row.respond_by.filter(|_| is_under_way)),
        deactivates: Set(row.deactivates && !is_withdrawn),
        ..Default::default()
    };
    reminder::Entity::update(follow).exec(&**tx).await?;
    Ok(())
}

/// Keeps the reminder of a message, if it has one, from beginning before the message is sent.
pub async fn hold(tx: &Tx, message: MessageId, send_at: DateTime<Utc>) -> Result<()> {
    let mut sql = tx.sql("reminders::hold");
    let (message, send_at) = (sql.bind(message), sql.bind(send_at));
    sql.push(format!(
        "UPDATE reminder SET since = {send_at}, next_at = NULL WHERE message_id = {message}"
    ));
    sql.run(&**tx).await.map(drop)
}

/// Begins the reminder of a message that is sent now, if it has one.
pub async fn begin(
    tx: &Tx,
    message: MessageId,
    expiry: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<()> {
    let row = reminder::Entity::find_by_id(message).one(&**tx).await?;
    let Some(mut row) = row else { return Ok(()) };
    row.since = now;
    // A later version of the server has set what this one does not know, and sends the message.
    let schedule = schedule_of(&row, expiry)
        .ok_or_else(|| Error::internal("the reminder of a planned message is not understood"))?;
    let begin = reminder::ActiveModel {
        message_id: Set(message),
        since: Set(now),
        next_at: Set(schedule.after(now)),
        ..Default::default()
    };
    reminder::Entity::update(begin).exec(&**tx).await?;
    tx.concerns([Topic::Jobs]);
    Ok(())
}

/// The schedule of a row; None if a later version of the server has set something that this one
/// does not know.
pub fn schedule(
    step: &str,
    zone: &str,
    since: DateTime<Utc>,
    expiry: Option<DateTime<Utc>>,
) -> Option<Schedule> {
    Some(Schedule { since, step: step.parse().ok()?, zone: zone.parse().ok()?, expiry })
}

/// The schedule of a message's reminder; None in the same case as [`schedule`].
pub fn schedule_of(row: &reminder::Model, expiry: Option<DateTime<Utc>>) -> Option<Schedule> {
    schedule(&row.step, &row.zone, row.since, expiry)
}

/// The dates of a schedule after a time, as far as they are shown: the first 100, or 10 if it has
/// no end.
pub fn dates(schedule: &Schedule, time: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    schedule.dates(time).take(most_dates(schedule)).collect()
}

pub fn most_dates(schedule: &Schedule) -> usize {
    if schedule.expiry.is_some() { MOST_DATES } else { MOST_OPEN_DATES }
}

impl Plan {
    /// The schedule that the reminder would have from `since` on.
    pub fn schedule(&self, since: DateTime<Utc>, expiry: Option<DateTime<Utc>>) -> Schedule {
        Schedule { since, step: self.step, zone: self.zone, expiry }
    }
}
