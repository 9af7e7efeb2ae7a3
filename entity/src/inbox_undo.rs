use sea_orm::entity::prelude::*;

use super::id::{ItemId, Seq};

/// What an item was before its owner last changed it. It can be taken back as long as the item
/// still has the number of that change.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inbox_undo")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub item_id: ItemId,
    /// The inbox's change that is remembered.
    pub seq: Seq,
    pub seen_at: Option<DateTimeUtc>,
    pub read_at: Option<DateTimeUtc>,
    pub archived_at: Option<DateTimeUtc>,
    pub snoozed_until: Option<DateTimeUtc>,
    /// When it was changed.
    pub changed_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
