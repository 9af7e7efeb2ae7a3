use sea_orm::entity::prelude::*;
use serde::Deserialize;

use super::id::GroupId;

/// A named set of people that messages can be addressed to (M3). Deleting one only marks it.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "user_group")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: GroupId,
    #[sea_orm(unique)]
    pub external_id: String,
    pub name: String,
    #[serde(with = "crate::moment::nullable")]
    pub deleted_at: Option<DateTimeUtc>,
    #[serde(with = "crate::moment")]
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
