use sea_orm::entity::prelude::*;

/// Something that may have lost words which the index of words still has.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_lost")]
pub struct Model {
    /// `message`, `announcement`, `target`, `user` or `group`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub about: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// When to take them out.
    pub due_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
