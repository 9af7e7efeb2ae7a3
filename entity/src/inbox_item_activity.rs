use sea_orm::entity::prelude::*;

use super::id::{ActivityId, ItemId};

/// An activity that reached an inbox, and the item it was added to.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inbox_item_activity")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub item_id: ItemId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub activity_id: ActivityId,
}

impl ActiveModelBehavior for ActiveModel {}
