use sea_orm::entity::prelude::*;

use super::id::{MessageId, Seq};

/// One row for each root message with replies: the lock of its thread and the length of its
/// history.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "thread")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: MessageId,
    pub seq: Seq,
    #[sea_orm(belongs_to, from = "root_id", to = "id")]
    pub root: BelongsTo<super::message::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
