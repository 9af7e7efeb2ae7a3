use sea_orm::entity::prelude::*;

/// The text of something that is searched, folded (`migration::folded`), where that is not what the database's own lower() makes
/// of it: a text of ASCII letters has none.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_text")]
pub struct Model {
    /// `message`, `announcement`, `target`, `user` or `group`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub about: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// Its parts, a line each.
    #[sea_orm(column_type = "Text")]
    pub text: String,
}

impl ActiveModelBehavior for ActiveModel {}
