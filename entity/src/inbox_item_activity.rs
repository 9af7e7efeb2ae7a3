use sea_orm::entity::prelude::*;

/// An activity that reached an inbox, and the item it was added to.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inbox_item_activity")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub item_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub activity_id: i64,
}

impl ActiveModelBehavior for ActiveModel {}
