//! Tidings, an inbox server that a team runs beside its own application.
//!
//! The way of a request: `http` → `graphql` → one function of the domain → `entity`. ARCHITECTURE.md walks it.
//!
//! - `cli`, `config`: how the server is started.
//! - `app`, `db`, `clock`, `auth`, `error`, `id`, `page`, `text`: what everything else stands on.
//! - `messages`, `delivery`, `groups`, `users`, `inbox`, `receipts`, `reminders`, `reports`, `idempotency`: the
//!   domain.
//! - `live`, `threads`: following what changes. `due`: what happens by itself.
//! - `graphql`, `http`: the API.

pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod delivery;
pub mod demo;
pub mod due;
pub mod error;
pub mod graphql;
pub mod groups;
pub mod http;
pub mod id;
pub mod idempotency;
pub mod inbox;
pub mod live;
pub mod messages;
pub mod page;
pub mod receipts;
pub mod reminders;
pub mod reports;
pub mod server;
pub mod text;
pub mod threads;
pub mod users;
