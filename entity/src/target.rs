use sea_orm::{
    Condition, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait},
};
use serde::Deserialize;

use super::{
    id::{TargetId, UserId},
    inbox_item,
    message::Reader,
    subscription,
};

/// A thing in the host application that people act on and can follow (N2).
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "target")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: TargetId,
    #[sea_orm(column_name = "type")]
    pub r#type: String,
    pub external_id: String,
    pub owner_id: Option<UserId>,
    pub title: Option<String>,
    pub url: Option<String>,
    #[serde(with = "crate::moment")]
    pub created_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "owner_id", to = "id")]
    pub owner: BelongsTo<Option<super::user::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}

/// The condition that selects a target by its type and its id in the host application.
pub fn is_called(kind: &str, external_id: &str) -> Condition {
    Condition::all().add(COLUMN.r#type.eq(kind)).add(COLUMN.external_id.eq(external_id))
}

impl Entity {
    /// The targets that this reader may know of. People: those they own, follow, or have an inbox
    /// item about.
    pub fn visible_to(reader: Reader) -> Select<Self> {
        let Reader::User(user) = reader else { return Self::find() };
        let followed = subscription::Entity::find()
            .select_only()
            .expr(Expr::val(1))
            .filter(
                Expr::col((subscription::Entity, subscription::Column::TargetId))
                    .equals((Entity, Column::Id)),
            )
            .filter(subscription::COLUMN.user_id.eq(user))
            .filter(subscription::COLUMN.until.is_null());
        let received = inbox_item::Entity::find()
            .select_only()
            .expr(Expr::val(1))
            .filter(
                Expr::col((inbox_item::Entity, inbox_item::Column::TargetId))
                    .equals((Entity, Column::Id)),
            )
            .filter(inbox_item::COLUMN.user_id.eq(user))
            .filter(inbox_item::COLUMN.removed_at.is_null());
        let known = Condition::any()
            .add(COLUMN.owner_id.eq(user))
            .add(Expr::exists(followed.into_query()))
            .add(Expr::exists(received.into_query()));
        Self::find().filter(known)
    }
}
