use sea_orm::entity::prelude::*;

use super::id::{AudienceId, MessageId, UserId};

/// A person whom a message reached through one of its addresses (M4, M5), when they first saw and
/// read it (M8), and how often they were reminded.
///
/// These times are facts for the sender and are never undone; the reader's own read and unread
/// states are in `inbox_item`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "message_recipient")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: MessageId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub audience_id: AudienceId,
    pub seen_at: Option<DateTimeUtc>,
    pub read_at: Option<DateTimeUtc>,
    /// When they first replied to it, or to any message of the thread that it starts.
    pub replied_at: Option<DateTimeUtc>,
    /// When they were last reminded, and how often.
    pub reminded_at: Option<DateTimeUtc>,
    pub reminder_count: i32,
    #[sea_orm(belongs_to, from = "user_id", to = "id", skip_fk)]
    pub user: BelongsTo<super::user::Entity>,
    #[sea_orm(belongs_to, from = "audience_id", to = "id", skip_fk)]
    pub audience: BelongsTo<super::message_audience::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
