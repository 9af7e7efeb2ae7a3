//! What the tests work with, and none of them is about.

pub mod app;
pub mod crowd;
pub mod database;
pub mod documents;
pub mod locks;
pub mod measure;
pub mod node;
pub mod notify;
pub mod plan;
pub mod process;
pub mod provider;
pub mod reminders;
pub mod socket;
pub mod state;
pub mod user;
