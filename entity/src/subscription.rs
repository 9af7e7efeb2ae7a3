use sea_orm::entity::prelude::*;

use super::id::{ActivityId, TargetId, UserId};

/// Somebody follows an action on a target, for a reason (N3): one row for each action that the
/// reason covers. It applies to activities after `since`, up to `until`. Ended rows stay, so that
/// it can be explained why something arrived.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subscription")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: UserId,
    pub target_id: TargetId,
    pub action: String,
    pub reason: String,
    pub since: ActivityId,
    /// None: it has not ended.
    pub until: Option<ActivityId>,
    pub created_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "target_id", to = "id")]
    pub target: BelongsTo<super::target::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
