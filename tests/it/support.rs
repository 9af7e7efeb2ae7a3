//! What the tests have in common: servers, people, databases, clients, and what they often do.

pub mod app;
pub mod browser;
pub mod collector;
pub mod crowd;
pub mod database;
pub mod documents;
pub mod locks;
pub mod log;
pub mod measure;
pub mod node;
pub mod notify;
pub mod plan;
pub mod process;
pub mod programs;
pub mod provider;
pub mod reminders;
pub mod round_trips;
pub mod shown;
pub mod socket;
pub mod state;
pub mod tls;
pub mod user;
