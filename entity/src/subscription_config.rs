use sea_orm::entity::prelude::*;

use super::id::{ActivityId, UserId};

/// Whether somebody wants to hear of an action (N5), for activities after `since`, up to `until`.
/// If no row applies, the catalog's default does.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subscription_config")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: UserId,
    pub action: String,
    pub enabled: bool,
    pub since: ActivityId,
    /// None: it has not ended.
    pub until: Option<ActivityId>,
    pub created_at: DateTimeUtc,
    pub ended_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
