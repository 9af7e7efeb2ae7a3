use sea_orm::entity::prelude::*;

/// Whether somebody wants to hear of an action (N5), for activities after `since`, up to `until`.
/// If no row applies, the catalog's default does.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subscription_config")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: i64,
    pub action: String,
    pub enabled: bool,
    pub since: i64,
    /// None: it has not ended.
    pub until: Option<i64>,
    pub created_at: DateTimeUtc,
    pub ended_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
