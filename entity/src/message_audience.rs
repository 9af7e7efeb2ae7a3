use sea_orm::entity::prelude::*;
use serde::Deserialize;

use super::id::{AudienceId, GroupId, MessageId, UserId};

/// One address of a message (M4): a person or a group, its name at the time, and how far it has
/// been read.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "message_audience")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: AudienceId,
    pub message_id: MessageId,
    pub user_id: Option<UserId>,
    pub group_id: Option<GroupId>,
    pub name: String,
    /// The number of rows in `message_recipient`; fixed when the message is sent (M9).
    pub recipient_count: i32,
    pub seen_count: i32,
    pub read_count: i32,
    #[serde(with = "crate::moment::nullable")]
    pub first_read_at: Option<DateTimeUtc>,
    #[serde(with = "crate::moment::nullable")]
    pub last_read_at: Option<DateTimeUtc>,
    #[sea_orm(belongs_to, from = "message_id", to = "id")]
    pub message: BelongsTo<super::message::Entity>,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<Option<super::user::Entity>>,
    #[sea_orm(belongs_to, from = "group_id", to = "id")]
    pub group: BelongsTo<Option<super::group::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
