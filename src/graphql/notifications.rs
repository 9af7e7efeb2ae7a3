//! The GraphQL types of notifications, with which the application informs its users.

pub mod activities;
pub mod announcements;
pub mod catalog;
pub mod explain;
pub mod subscriptions;
pub mod targets;
