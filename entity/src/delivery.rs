use sea_orm::entity::prelude::*;

/// A large send in progress: its recipients are fixed, but not all of their inboxes have it yet.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: i64,
    /// All recipients with ids up to this one have it.
    pub delivered_to: i64,
    #[sea_orm(belongs_to, from = "message_id", to = "id")]
    pub message: BelongsTo<super::message::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
