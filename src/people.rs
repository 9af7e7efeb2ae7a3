//! Who writes and reads: users, and the groups that they are in.

pub mod groups;
pub mod users;
