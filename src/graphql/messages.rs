//! The GraphQL types of messages, which people write to each other.

pub mod campaigns;
pub mod message;
pub mod planned;
pub mod recipients;
pub mod reminders;
pub mod reports;
pub mod threads;
