//! How a message reminds, and why somebody was deactivated.

use ::entity::{message, reminder};
use async_graphql::{Context, Enum, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::message::Message;
use crate::{
    graphql::{actor, app, list_size},
    messages::reminders::{self, RemindUntil, ReminderInput},
};

/// How a message reminds those who have not read it, or not replied to it.
pub struct Reminder {
    row: reminder::Model,
    expiry: Option<DateTime<Utc>>,
}

impl Reminder {
    pub fn of(message: &message::Model, row: reminder::Model) -> Self {
        Reminder { row, expiry: message.expires_at }
    }
}

/// How a message reminds those who have not read it, or not replied to it.
#[Object]
impl Reminder {
    /// How often: a name of the server's settings, as `daily` or `weekly`.
    async fn frequency(&self) -> &str {
        &self.row.frequency
    }

    /// What ends the reminders of a person.
    async fn until(&self) -> RemindUntil {
        self.row.until.into()
    }

    /// Whose wall clock the dates step on: a name of the IANA time zone database.
    async fn time_zone(&self) -> &str {
        &self.row.zone
    }

    /// When it reminds next; null when it is over: after the last time, or when nobody is left to be reminded.
    async fn next_at(&self) -> Option<DateTime<Utc>> {
        self.row.next_at
    }

    /// All dates to come, the last one at the expiry; at most 100, and 10 where there is no expiry. Some may find nobody left
    /// to be reminded.
    #[graphql(directive = list_size::apply(100))]
    async fn schedule(&self) -> Vec<DateTime<Utc>> {
        let Some(next) = self.row.next_at else { return Vec::new() };
        // From the date that is claimed next, which may be a little late.
        let mut dates = vec![next];
        // A later version of the server knows the others.
        let Some(schedule) = reminders::schedule_of(&self.row, self.expiry) else { return dates };
        dates.extend(reminders::dates(&schedule, next));
        dates.truncate(reminders::most_dates(&schedule));
        dates
    }

    /// On how many dates it has reminded somebody.
    async fn sent_count(&self) -> i32 {
        self.row.sent_count
    }

    /// Until when there is time to respond; null before the last reminder.
    async fn respond_by(&self) -> Option<DateTime<Utc>> {
        self.row.respond_by
    }

    /// Whether those are deactivated who have not replied by then.
    async fn deactivates_non_repliers(&self) -> bool {
        self.row.deactivates
    }
}

#[derive(Default)]
pub struct ReminderQuery;

#[Object]
impl ReminderQuery {
    /// The dates that a reminder would have if it were set now, for a form that composes a message; the last one at the
    /// expiry. At most 100, and 10 where there is no expiry.
    #[graphql(directive = list_size::apply(100))]
    async fn reminder_schedule(
        &self,
        ctx: &Context<'_>,
        reminder: ReminderInput,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<Vec<DateTime<Utc>>> {
        let (app, actor) = (app(ctx), actor(ctx)?);
        let plan = reminders::plan(app, actor, actor.user.as_deref(), reminder)?;
        let now = app.clock.now();
        Ok(reminders::dates(&plan.schedule(now, expires_at), now))
    }
}

/// That a person cannot come in, and why.
#[derive(SimpleObject)]
pub struct Deactivation {
    /// Since when.
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: DeactivationReason,
    /// The message that they did not reply to, for who may see it.
    pub message: Option<Message>,
}

/// Why a person is deactivated.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum DeactivationReason {
    /// The host application or an admin has done it.
    Host,
    /// They did not reply to a message that asked for it, in time.
    NoReply,
}
