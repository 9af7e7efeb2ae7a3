use sea_orm::entity::prelude::*;

use super::id::{MessageId, UserId};

/// A large send in progress: its recipients are fixed, but not all of their inboxes have it yet.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: MessageId,
    /// All recipients with ids up to this one have it.
    pub delivered_to: UserId,
    #[sea_orm(belongs_to, from = "message_id", to = "id")]
    pub message: BelongsTo<super::message::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
