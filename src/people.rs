//! The people who write and read: users, the groups they belong to, and whom they may write to.

pub mod address_book;
pub mod deactivation;
pub mod erase;
pub mod groups;
pub mod users;
