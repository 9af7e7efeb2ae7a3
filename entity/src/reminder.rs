use sea_orm::entity::prelude::*;

use super::id::{MessageId, UserId};

/// Whether and when a message reminds those who have not read it, or not replied (M10–M12).
///
/// A table of its own instead of columns of the message: servers claim and lock its rows, and pages
/// of inboxes need not carry it.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reminder")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: MessageId,
    /// The frequency's name in the settings.
    pub frequency: String,
    /// What that name meant when the reminder was set: settings may change, but what a sender was
    /// promised does not.
    pub step: String,
    pub until: Until,
    /// A name from the IANA time zone database; dates are calculated in its local time.
    pub zone: String,
    /// The time from which the dates are counted.
    pub since: DateTimeUtc,
    /// The next date; None when there are no more.
    pub next_at: Option<DateTimeUtc>,
    /// For a date in progress: all recipients with ids up to this one have been reminded.
    pub reminded_to: UserId,
    /// On how many dates somebody was reminded.
    pub sent_count: i32,
    /// The deadline for responding, set once the last date has come.
    pub respond_by: Option<DateTimeUtc>,
    /// Whether those who have not replied by the deadline are deactivated.
    pub deactivates: bool,
    /// For that deactivation: all recipients with ids up to this one have been checked.
    pub deactivated_to: UserId,
    /// When all of them had been checked.
    pub deactivated_at: Option<DateTimeUtc>,
    /// When its message was removed from the inboxes.
    pub closed_at: Option<DateTimeUtc>,
    #[sea_orm(belongs_to, from = "message_id", to = "id")]
    pub message: BelongsTo<super::message::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

/// What ends the reminders for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "snake_case")]
pub enum Until {
    Read,
    Replied,
}
