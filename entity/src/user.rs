use sea_orm::entity::prelude::*;
use serde::Deserialize;

use super::id::{MessageId, UserId};

/// The name of somebody who was erased, where no language is known.
pub const GONE: &str = "Somebody who left";

/// A person (M1). Hosts know people by `external_id`. Their row is never deleted, but nothing of
/// them is left in it once they are erased.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "user_account")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: UserId,
    #[sea_orm(unique)]
    pub external_id: String,
    pub first_name: String,
    pub last_name: String,
    pub email: Option<String>,
    pub avatar_url: Option<String>,
    #[serde(deserialize_with = "crate::or_default")]
    pub locale: String,
    #[serde(deserialize_with = "crate::or_default")]
    pub time_zone: String,
    #[serde(with = "crate::moment::nullable")]
    pub deactivated_at: Option<DateTimeUtc>,
    /// The message that they did not reply to, if a campaign deactivated them (M12).
    pub deactivated_by: Option<MessageId>,
    /// Why the host deactivated them, in its words; for the host and admins only.
    pub deactivation_reason: Option<String>,
    #[serde(with = "crate::moment")]
    pub created_at: DateTimeUtc,
    /// When they were erased: nothing of them is left in this row.
    #[serde(with = "crate::moment::nullable")]
    pub erased_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// First and last name; the external id if neither is known.
    pub fn name(&self) -> String {
        if self.erased_at.is_some() {
            return GONE.to_owned();
        }
        match format!("{} {}", self.first_name, self.last_name).trim() {
            "" => self.external_id.clone(),
            name => name.to_owned(),
        }
    }
}
