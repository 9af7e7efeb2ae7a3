use sea_orm::{Condition, entity::prelude::*};
use serde::Deserialize;

use super::{
    id::{AnnouncementId, UserId},
    message::Reader,
};

/// An announcement to everybody (N1): one row, no matter how many people see it. Inboxes take it in
/// when their owners connect.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "announcement")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: AnnouncementId,
    pub title: String,
    #[sea_orm(column_type = "Text")]
    pub body: String,
    pub url: Option<String>,
    pub author_id: Option<UserId>,
    /// When it was, or will be, published.
    #[serde(with = "crate::moment")]
    pub publish_at: DateTimeUtc,
    /// Its position among the published announcements, in commit order. None until it is published.
    pub position: Option<i64>,
    #[serde(with = "crate::moment::nullable")]
    pub expires_at: Option<DateTimeUtc>,
    #[serde(with = "crate::moment::nullable")]
    pub retracted_at: Option<DateTimeUtc>,
    /// Since when no inbox takes it in any more, because it expired or was retracted.
    #[serde(with = "crate::moment::nullable")]
    pub withdrawn_at: Option<DateTimeUtc>,
    /// When it had been removed from all inboxes.
    #[serde(with = "crate::moment::nullable")]
    pub settled_at: Option<DateTimeUtc>,
    pub seen_count: i32,
    pub read_count: i32,
    #[serde(with = "crate::moment::nullable")]
    pub first_read_at: Option<DateTimeUtc>,
    #[serde(with = "crate::moment::nullable")]
    pub last_read_at: Option<DateTimeUtc>,
    #[serde(with = "crate::moment")]
    pub created_at: DateTimeUtc,
    /// JSON for the clients of the host application.
    #[sea_orm(column_type = "Text", nullable)]
    pub data: Option<String>,
    /// JSON: a list of what a reader can do (`extras::ItemAction`).
    #[sea_orm(column_type = "Text", nullable)]
    pub actions: Option<String>,
    /// A category of the catalog, for good.
    pub category: Option<String>,
    #[sea_orm(belongs_to, from = "author_id", to = "id")]
    pub author: BelongsTo<Option<super::user::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The announcements that this reader may know of. People: those that are published and not
    /// retracted. The host application: all.
    pub fn visible_to(reader: Reader) -> Select<Self> {
        Self::find().filter(match reader {
            Reader::Everything | Reader::System => Condition::all(),
            Reader::User(_) => Condition::all()
                .add(COLUMN.position.is_not_null())
                .add(COLUMN.retracted_at.is_null()),
        })
    }
}
