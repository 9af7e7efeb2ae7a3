//! What the tests work with, and none of them is about.

pub mod app;
pub mod database;
pub mod node;
pub mod notify;
pub mod provider;
pub mod socket;
pub mod state;
