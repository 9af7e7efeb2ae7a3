use sea_orm::entity::prelude::*;

/// Where a word is among the ids of a segment. The index of words that searches of inboxes use.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "search_word")]
pub struct Model {
    /// `message`, `announcement` or `target`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub about: String,
    /// The first id of the segment, divided by the number of ids that a segment has.
    #[sea_orm(primary_key, auto_increment = false)]
    pub segment: i64,
    /// Folded, at most its first 24 characters.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub word: String,
    /// The places in the segment of what has the word, as numbers with spaces between them. They
    /// may have another text by now, and a place may be there twice.
    #[sea_orm(column_type = "Text")]
    pub places: String,
}

impl ActiveModelBehavior for ActiveModel {}
