//! The GraphQL types of users and groups.

pub mod groups;
pub mod users;
