use sea_orm::entity::prelude::*;

/// A message with many recipients that has expired: it is leaving their inboxes, and some of them still have it.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "expiry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: i64,
    /// Users up to this id no longer have it.
    pub removed_to: i64,
    #[sea_orm(belongs_to, from = "message_id", to = "id")]
    pub message: BelongsTo<super::message::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
