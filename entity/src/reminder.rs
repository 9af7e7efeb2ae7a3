use sea_orm::entity::prelude::*;

/// That and when a message reminds those who have not read it, or not replied (M10–M12).
///
/// A table of its own and not columns of the message: its rows are what servers claim and lock, and the pages of inboxes
/// need not carry it.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reminder")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: i64,
    /// The name in the settings.
    pub frequency: String,
    /// What the name meant when the reminder was set: settings change, what was promised to a sender does not.
    pub step: String,
    pub until: Until,
    /// Of the IANA time zone database: whose wall clock the dates step on.
    pub zone: String,
    /// What the dates are counted from.
    pub since: DateTimeUtc,
    /// The next date; None when no more will come.
    pub next_at: Option<DateTimeUtc>,
    /// Of a date that is under way: users up to this id have been reminded.
    pub reminded_to: i64,
    /// On how many dates somebody was reminded.
    pub sent_count: i32,
    /// How long there is to respond, once the last date has come.
    pub respond_by: Option<DateTimeUtc>,
    /// Whether those are deactivated who have not replied by then.
    pub deactivates: bool,
    /// Users up to this id have been looked at for that.
    pub deactivated_to: i64,
    /// When all of them had been.
    pub deactivated_at: Option<DateTimeUtc>,
    /// When its message left the inboxes.
    pub closed_at: Option<DateTimeUtc>,
    #[sea_orm(belongs_to, from = "message_id", to = "id")]
    pub message: BelongsTo<super::message::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

/// What ends the reminders of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "snake_case")]
pub enum Until {
    Read,
    Replied,
}
