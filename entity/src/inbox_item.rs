use sea_orm::entity::prelude::*;
use serde::Deserialize;

/// One thing in one inbox, in its newest state.
///
/// It is in exactly one place: removed, archived, snoozed, or active (none of the three is set).
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "inbox_item")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub user_id: i64,
    pub kind: Kind,
    pub message_id: Option<i64>,
    /// The change of the inbox that touched this item last.
    pub seq: i64,
    /// The change that brought it.
    pub arrived_seq: i64,
    pub seen_at: Option<DateTimeUtc>,
    pub read_at: Option<DateTimeUtc>,
    pub archived_at: Option<DateTimeUtc>,
    pub snoozed_until: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    /// When it last rose to the top; inboxes are sorted by it.
    pub updated_at: DateTimeUtc,
    /// A tombstone since then: gone for the reader, kept so that a client that was away hears of it.
    pub removed_at: Option<DateTimeUtc>,
    pub announcement_id: Option<i64>,
    /// Of activities: what was done to what.
    pub target_id: Option<i64>,
    pub action: Option<String>,
    /// The latest of them, how many they are, and of how many people.
    pub activity_id: Option<i64>,
    pub activity_count: i32,
    pub actor_count: i32,
    /// When its owner was last reminded of it, and the change that did so.
    pub reminded_at: Option<DateTimeUtc>,
    pub reminded_seq: Option<i64>,
    /// Of the last reminder: how long there is to respond.
    pub respond_by: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

/// What an item is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Message,
    Announcement,
    Activity,
}
