use sea_orm::entity::prelude::*;

use super::id::{MessageId, UserId};

/// A person who has muted a thread.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "thread_mute")]
pub struct Model {
    /// The first message of the thread.
    #[sea_orm(primary_key, auto_increment = false)]
    pub root_id: MessageId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    pub muted_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
