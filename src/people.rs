//! The people who write and read: users, and the groups they belong to.

pub mod erase;
pub mod groups;
pub mod users;
