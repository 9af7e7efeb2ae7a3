use sea_orm::entity::prelude::*;

/// A pass over a table that looks for what is too old, and how far it has got.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sweep")]
pub struct Model {
    /// `inbox` or `message`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// It has looked at all rows with ids up to this one; 0: it has not begun.
    pub position: i64,
    /// What is older than this may be gone. It never moves back.
    pub horizon: DateTimeUtc,
    /// When the next part is due.
    pub next_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
