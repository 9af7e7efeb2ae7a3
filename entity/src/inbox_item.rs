use sea_orm::entity::prelude::*;
use serde::Deserialize;

use super::id::{ActivityId, AnnouncementId, ItemId, MessageId, Seq, TargetId, UserId};

/// One item in one inbox, in its newest state.
///
/// An item is always in exactly one state: removed, archived, snoozed, or active (none of the three
/// is set).
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "inbox_item")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: ItemId,
    pub user_id: UserId,
    pub kind: Kind,
    pub message_id: Option<MessageId>,
    /// The inbox's change that last touched this item.
    #[serde(deserialize_with = "crate::or_default")]
    pub seq: Seq,
    /// The inbox's change with which it arrived; 0 if it came unnoticed, into a muted thread.
    #[serde(deserialize_with = "crate::or_default")]
    pub arrived_seq: Seq,
    #[serde(with = "crate::moment::nullable")]
    pub seen_at: Option<DateTimeUtc>,
    #[serde(with = "crate::moment::nullable")]
    pub read_at: Option<DateTimeUtc>,
    #[serde(with = "crate::moment::nullable")]
    pub archived_at: Option<DateTimeUtc>,
    #[serde(with = "crate::moment::nullable")]
    pub snoozed_until: Option<DateTimeUtc>,
    #[serde(with = "crate::moment")]
    pub created_at: DateTimeUtc,
    /// When it last moved to the top; inboxes are sorted by it.
    #[serde(with = "crate::moment")]
    pub updated_at: DateTimeUtc,
    /// Set when the item became a tombstone: removed for the reader, but kept so that a client that
    /// was away learns of the removal.
    #[serde(with = "crate::moment::nullable")]
    pub removed_at: Option<DateTimeUtc>,
    pub announcement_id: Option<AnnouncementId>,
    /// For activities: the action and the target that they share.
    pub target_id: Option<TargetId>,
    pub action: Option<String>,
    /// For activities: the latest one, their number, and the number of different people.
    pub activity_id: Option<ActivityId>,
    #[serde(deserialize_with = "crate::or_default")]
    pub activity_count: i32,
    pub actor_count: i32,
    /// When its owner was last reminded of it, and the change that did so.
    #[serde(with = "crate::moment::nullable")]
    pub reminded_at: Option<DateTimeUtc>,
    pub reminded_seq: Option<Seq>,
    /// After the final reminder: the deadline for responding.
    #[serde(with = "crate::moment::nullable")]
    pub respond_by: Option<DateTimeUtc>,
    /// The category of what it is about when it arrived: of the message or announcement, or, for
    /// activities, of the action.
    pub category: Option<String>,
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
