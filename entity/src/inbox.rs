use sea_orm::entity::prelude::*;
use serde::Deserialize;

use super::id::{ActivityId, Seq, UserId};

/// One row for each person: the lock, the length of the history and the exact counts of their
/// inbox.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "inbox")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// The number of changes this inbox has had.
    pub seq: Seq,
    /// The highest change whose tombstones were purged: streams cannot continue from older cursors.
    pub purged_seq: Seq,
    pub unread: i32,
    pub unseen: i32,
    pub snoozed: i32,
    pub archived: i32,
    /// The announcements' position when this person became known: announcements up to it are not
    /// for them (N7).
    pub announcements_since: i64,
    /// Up to where announcements and activities have been taken in (N7, N8).
    pub announcements_pulled: i64,
    pub activities_pulled: ActivityId,
    /// How many of `unread` are announcements and activities; the rest are messages.
    pub unread_announcements: i32,
    pub unread_activities: i32,
    /// How many of `unread` are of each category: a JSON object, without those that have none.
    /// None: no unread item has a category.
    #[sea_orm(column_type = "Text", nullable)]
    pub unread_by_category: Option<String>,
    /// Items that are neither archived nor snoozed.
    pub active: i32,
}

impl ActiveModelBehavior for ActiveModel {}
