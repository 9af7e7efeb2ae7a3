use sea_orm::{
    Condition, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait},
};
use serde::Deserialize;

use super::{
    id::{ActivityId, TargetId, UserId},
    message::Reader,
    subscription, target,
};

/// Somebody did something to a target (N1, N2). Ids are in commit order, so they also serve as
/// positions.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "activity")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: ActivityId,
    /// None: the system.
    pub actor_id: Option<UserId>,
    pub action: String,
    pub target_id: TargetId,
    /// JSON data for display.
    #[sea_orm(column_type = "Text", nullable)]
    pub data: Option<String>,
    #[serde(with = "crate::moment")]
    pub occurred_at: DateTimeUtc,
    #[serde(with = "crate::moment::nullable")]
    pub retracted_at: Option<DateTimeUtc>,
    /// When it had been removed from all inboxes.
    #[serde(with = "crate::moment::nullable")]
    pub settled_at: Option<DateTimeUtc>,
    #[serde(with = "crate::moment")]
    pub created_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "actor_id", to = "id")]
    pub actor: BelongsTo<Option<super::user::Entity>>,
    #[sea_orm(belongs_to, from = "target_id", to = "id")]
    pub target: BelongsTo<super::target::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Entity {
    /// The activities that this reader may know of. People: what they did, what was done to targets
    /// they own, and what was done to a target while they followed that action on it; never
    /// anything retracted.
    pub fn visible_to(reader: Reader) -> Select<Self> {
        let Reader::User(user) = reader else { return Self::find() };
        let owned = target::Entity::find()
            .select_only()
            .expr(Expr::val(1))
            .filter(
                Expr::col((target::Entity, target::Column::Id)).equals((Entity, Column::TargetId)),
            )
            .filter(target::COLUMN.owner_id.eq(user));
        let followed = subscription::Entity::find()
            .select_only()
            .expr(Expr::val(1))
            .filter(
                Expr::col((subscription::Entity, subscription::Column::TargetId))
                    .equals((Entity, Column::TargetId)),
            )
            .filter(
                Expr::col((subscription::Entity, subscription::Column::Since))
                    .lt(Expr::col((Entity, Column::Id))),
            )
            .filter(
                Expr::col((subscription::Entity, subscription::Column::Action))
                    .equals((Entity, Column::Action)),
            )
            .filter(subscription::COLUMN.user_id.eq(user))
            .filter(
                Condition::any().add(subscription::COLUMN.until.is_null()).add(
                    Expr::col((subscription::Entity, subscription::Column::Until))
                        .gte(Expr::col((Entity, Column::Id))),
                ),
            );
        let known = Condition::any()
            .add(COLUMN.actor_id.eq(user))
            .add(Expr::exists(owned.into_query()))
            .add(Expr::exists(followed.into_query()));
        Self::find().filter(known).filter(COLUMN.retracted_at.is_null())
    }
}
