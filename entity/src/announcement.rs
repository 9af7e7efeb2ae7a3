use sea_orm::{Condition, entity::prelude::*};
use serde::Deserialize;

use super::message::Reader;

/// Something for everybody (N1): one row, however many see it. Inboxes take it in when their owners come.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "announcement")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub title: String,
    #[sea_orm(column_type = "Text")]
    pub body: String,
    pub url: Option<String>,
    pub author_id: Option<i64>,
    /// When it was published, or is to be.
    pub publish_at: DateTimeUtc,
    /// Its place among the published, in the order of their commits. None: it is not published yet.
    pub position: Option<i64>,
    pub expires_at: Option<DateTimeUtc>,
    pub retracted_at: Option<DateTimeUtc>,
    /// Since when no inbox takes it in any more: it has expired or was retracted.
    pub withdrawn_at: Option<DateTimeUtc>,
    /// When it had left all inboxes.
    pub settled_at: Option<DateTimeUtc>,
    pub seen_count: i32,
    pub read_count: i32,
    pub first_read_at: Option<DateTimeUtc>,
    pub last_read_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "author_id", to = "id")]
    pub author: BelongsTo<Option<super::user::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The announcements that this reader may know of: people those that were published and stand, the host application all.
    pub fn visible_to(reader: Reader) -> Select<Self> {
        Self::find().filter(match reader {
            Reader::Everything | Reader::System => Condition::all(),
            Reader::User(_) => Condition::all()
                .add(COLUMN.position.is_not_null())
                .add(COLUMN.retracted_at.is_null()),
        })
    }
}
