use sea_orm::entity::prelude::*;
use serde::Deserialize;

/// One row per person: the lock, the history's length and the exact counts of their inbox.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "inbox")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: i64,
    /// How many changes this inbox has had.
    pub seq: i64,
    /// The highest change whose tombstones were purged: older cursors cannot be continued.
    pub purged_seq: i64,
    pub unread: i32,
    pub unseen: i32,
    pub snoozed: i32,
    pub archived: i32,
    /// Where the announcements stood when this person became known: what is up to there is not for them (N7).
    pub announcements_since: i64,
    /// How far announcements and activities have been taken in (N7, N8).
    pub announcements_pulled: i64,
    pub activities_pulled: i64,
    /// Those of `unread` that are announcements and activities; the rest are messages.
    pub unread_announcements: i32,
    pub unread_activities: i32,
}

impl ActiveModelBehavior for ActiveModel {}
