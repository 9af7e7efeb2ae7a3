use sea_orm::entity::prelude::*;

/// How far the index of words goes.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_progress")]
pub struct Model {
    /// `message`, `announcement`, `target`, `user` or `group`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub about: String,
    /// The first segment that is not written.
    pub segment: i64,
}

impl ActiveModelBehavior for ActiveModel {}
