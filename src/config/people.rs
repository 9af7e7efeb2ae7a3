//! What people may do by themselves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The people and groups that a person may find and write to.
#[derive(
    async_graphql::Enum, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum AddressBook {
    /// Their own groups, and the people in them.
    Groups,
    /// All people and groups.
    Everybody,
    /// Nobody. Replies to what somebody has received stay possible.
    Nobody,
}

/// What people may change of what is known about them.
#[derive(
    async_graphql::Enum, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OwnField {
    /// The language of titles that the server makes.
    Locale,
    /// The time zone in which reminders are sent.
    TimeZone,
}
