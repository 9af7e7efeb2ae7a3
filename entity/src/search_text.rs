use sea_orm::entity::prelude::*;

/// The folded text of something searchable (`migration::folded`), stored only if it differs from
/// what the database's own lower() gives: a text in ASCII letters has no row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_text")]
pub struct Model {
    /// `message`, `announcement`, `target`, `user` or `group`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub about: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// The parts of the text, one per line.
    #[sea_orm(column_type = "Text")]
    pub text: String,
}

impl ActiveModelBehavior for ActiveModel {}
