use sea_orm::entity::prelude::*;

use super::id::UserId;

/// A person who is being erased, and how far that has got.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "erasure")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// Whether what they wrote goes, too.
    pub messages: bool,
    /// The place of the step in progress in the order of the steps (`erasure`).
    pub step: i32,
    /// The step has dealt with all rows with ids up to this one, and of the next one with the parts
    /// up to `reached`.
    pub position: i64,
    pub reached: i64,
    /// When it goes on. None: now.
    pub due_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
