use sea_orm::entity::prelude::*;

/// Something that the index of words does not know, although its segment was written: its text has
/// changed since, or it was not there then.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_again")]
pub struct Model {
    /// `message`, `announcement`, `target`, `user` or `group`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub about: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub since: DateTimeUtc,
    /// When to index it.
    pub due_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
