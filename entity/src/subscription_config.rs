use sea_orm::entity::prelude::*;

/// Whether somebody wants an action (N5), for the activities after `since`, up to `until`. Without a row that holds, the
/// catalog's default does.
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
    /// None: it goes on.
    pub until: Option<i64>,
    pub created_at: DateTimeUtc,
    pub ended_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
