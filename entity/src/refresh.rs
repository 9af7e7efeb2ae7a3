use sea_orm::entity::prelude::*;

use super::id::{AnnouncementId, MessageId, RefreshId, TargetId, UserId};

/// The content of items has changed, and not all of their owners have been told yet.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: RefreshId,
    pub announcement_id: Option<AnnouncementId>,
    pub target_id: Option<TargetId>,
    /// All owners with ids up to this one have been told.
    pub refreshed_to: UserId,
    pub message_id: Option<MessageId>,
}

impl ActiveModelBehavior for ActiveModel {}
