//! Tidings, an inbox server that a team runs beside its own application.
//!
//! The way of a request: `http` → `graphql` → one function of the domain → `entity`. ARCHITECTURE.md walks it.
//!
//! - `cli`, `config`, `open_files`: how the server is started.
//! - `app`, `db`, `clock`, `auth`, `budget`, `error`, `id`, `page`, `text`: what everything else stands on.
//! - `catalog`, `titles`: what activities are about, and what they say.
//! - `messages`, `delivery`, `groups`, `users`, `inbox`, `receipts`, `reminders`, `reports`, `idempotency`: the domain of
//!   messages.
//! - `announcements`, `activities`, `targets`, `subscriptions`, `pull`, `refresh`, `explain`: that of notifications.
//! - `live`, `threads`: following what changes. `due`: what happens by itself.
//! - `recount`: whether what is counted is what there is. `backup`: copies of a SQLite database. `graphql`, `http`: the API.

pub mod activities;
pub mod announcements;
pub mod app;
pub mod auth;
pub mod backup;
pub mod budget;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod delivery;
pub mod demo;
pub mod due;
pub mod error;
pub mod explain;
pub mod graphql;
pub mod groups;
pub mod http;
pub mod id;
pub mod idempotency;
pub mod inbox;
pub mod live;
pub mod messages;
pub mod open_files;
pub mod page;
pub mod pull;
pub mod receipts;
pub mod recount;
pub mod refresh;
pub mod reminders;
pub mod reports;
pub mod search;
pub mod server;
pub mod subscriptions;
pub mod targets;
pub mod text;
pub mod threads;
pub mod titles;
pub mod users;
