//! How a message reminds its recipients, and why somebody was deactivated.

use ::entity::{
    id::{MessageId, UserId},
    message, reminder,
};
use async_graphql::{ComplexObject, Context, Enum, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::message::Message;
use crate::{
    error::Result,
    graphql::{actor, app, list_size, people::users::User},
    id::Kind,
    messages::reminders::{self, RemindUntil, ReminderInput},
};

/// How a message reminds those who have not read it, or have not replied to it.
pub struct Reminder {
    row: reminder::Model,
    expiry: Option<DateTime<Utc>>,
}

impl Reminder {
    /// The reminder of this message, if the caller may know how far it has been read.
    pub async fn find(ctx: &Context<'_>, message: MessageId) -> Result<Option<Self>> {
        match Message::find(ctx, message).await? {
            Some(message) => message.reminder(ctx).await,
            None => Ok(None),
        }
    }

    pub fn of(message: &message::Model, mut row: reminder::Model) -> Self {
        let expiry = message.expires_at;
        // It begins when the message is sent.
        if message.send_at.is_some() {
            let schedule = reminders::schedule_of(&row, expiry);
            row.next_at = schedule.and_then(|schedule| schedule.after(row.since));
        }
        Reminder { row, expiry }
    }
}

/// How a message reminds those who have not read it, or have not replied to it.
#[Object]
impl Reminder {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::Reminder.encode(self.row.message_id.0).into()
    }

    /// How often it reminds: a name from the server's configuration, such as `daily` or `weekly`.
    async fn frequency(&self) -> &str {
        &self.row.frequency
    }

    /// What ends the reminders for a person.
    async fn until(&self) -> RemindUntil {
        self.row.until.into()
    }

    /// The time zone in whose local time the dates are calculated: a name from the IANA time zone
    /// database.
    async fn time_zone(&self) -> &str {
        &self.row.zone
    }

    /// When it next reminds; null once it has ended: after the final reminder, or when there is
    /// nobody left to remind.
    async fn next_at(&self) -> Option<DateTime<Utc>> {
        self.row.next_at
    }

    /// All future dates, the last one at the expiry. At most 100, or 10 if there is no expiry. On
    /// some of them there may be nobody left to remind.
    #[graphql(directive = list_size::apply(100))]
    async fn schedule(&self) -> Vec<DateTime<Utc>> {
        let Some(next) = self.row.next_at else { return Vec::new() };
        // From the date that is claimed next, which may be slightly overdue.
        let mut dates = vec![next];
        // A later version of the server may have written other values.
        let Some(schedule) = reminders::schedule_of(&self.row, self.expiry) else { return dates };
        dates.extend(reminders::dates(&schedule, next));
        dates.truncate(reminders::most_dates(&schedule));
        dates
    }

    /// On how many dates it has reminded somebody.
    async fn sent_count(&self) -> i32 {
        self.row.sent_count
    }

    /// The deadline for responding; null before the final reminder.
    async fn respond_by(&self) -> Option<DateTime<Utc>> {
        self.row.respond_by
    }

    /// Whether those who have not replied by the deadline are deactivated.
    async fn deactivates_non_repliers(&self) -> bool {
        self.row.deactivates
    }
}

#[derive(Default)]
pub struct ReminderQuery;

#[Object]
impl ReminderQuery {
    /// The dates that a reminder would have if it were set now, for a form that composes a message;
    /// the last one is at the expiry. At most 100, or 10 if there is no expiry.
    #[graphql(directive = list_size::apply(100))]
    async fn reminder_schedule(
        &self,
        ctx: &Context<'_>,
        reminder: ReminderInput,
        #[graphql(
            desc = "When the message expires; the last date. If omitted, it does not expire."
        )]
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<Option<Vec<DateTime<Utc>>>> {
        let (app, actor) = (app(ctx), actor(ctx)?);
        let plan = reminders::plan(app, actor, actor.user.as_deref(), reminder)?;
        let now = app.clock.now();
        Ok(Some(reminders::dates(&plan.schedule(now, expires_at), now)))
    }
}

/// Shows that a person is shut out, and why.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Deactivation {
    #[graphql(skip)]
    pub user: UserId,
    /// Since when.
    pub at: DateTime<Utc>,
    /// The reason.
    pub reason: DeactivationReason,
    /// What the host application or an admin gave as the reason when they deactivated the person.
    /// For SERVICE and ADMIN; null for others.
    pub detail: Option<String>,
    /// The message that they did not reply to, if the caller may see it.
    pub message: Option<Message>,
}

impl Deactivation {
    /// Why this person is shut out, if they are and the caller may know it.
    pub async fn find(ctx: &Context<'_>, user: UserId) -> Result<Option<Self>> {
        match User::find(ctx, user).await? {
            Some(user) => user.deactivation(ctx).await,
            None => Ok(None),
        }
    }
}

#[ComplexObject]
impl Deactivation {
    /// Opaque and unique among everything.
    pub async fn id(&self) -> ID {
        Kind::Deactivation.encode(self.user.0).into()
    }
}

/// Why a person is deactivated.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum DeactivationReason {
    /// The host application or an admin deactivated them.
    Host,
    /// They did not reply in time to a message that required it.
    NoReply,
}
