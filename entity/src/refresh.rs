use sea_orm::entity::prelude::*;

/// The content of items has changed, and not all of their owners have been told yet.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub announcement_id: Option<i64>,
    pub target_id: Option<i64>,
    /// All owners with ids up to this one have been told.
    pub refreshed_to: i64,
}

impl ActiveModelBehavior for ActiveModel {}
