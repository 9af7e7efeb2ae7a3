//! The GraphQL types of users and groups.

pub mod address_book;
pub mod groups;
pub mod users;
