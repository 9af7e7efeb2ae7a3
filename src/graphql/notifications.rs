//! The types of what the application tells its users.

pub mod activities;
pub mod announcements;
pub mod catalog;
pub mod explain;
pub mod subscriptions;
pub mod targets;
