use sea_orm::entity::prelude::*;

use super::id::{ActivityId, ItemId, UserId};

/// A person behind an item's activities, and how often they acted, so that an item with many
/// activities costs no more to show.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inbox_item_actor")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub item_id: ItemId,
    /// 0: the system.
    #[sea_orm(primary_key, auto_increment = false)]
    pub actor_id: UserId,
    pub activity_count: i32,
    pub latest_activity_id: ActivityId,
}

impl ActiveModelBehavior for ActiveModel {}
