use sea_orm::entity::prelude::*;

use super::id::{MessageId, UserId};

/// An expired message with many recipients that is being removed from their inboxes; some still
/// have it.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "expiry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: MessageId,
    /// It has been removed for all recipients with ids up to this one.
    pub removed_to: UserId,
    #[sea_orm(belongs_to, from = "message_id", to = "id")]
    pub message: BelongsTo<super::message::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
