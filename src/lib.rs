//! Tidings, an inbox server that a team runs beside its own application.
//!
//! A request goes `http` → `gate` → `graphql` → one function of the domain → `entity`. Each line
//! uses those below it:
//!
//! - `cli`, `demo`, `server`, `process`: starting and stopping. `backup`, `recount`: what operators
//!   do with a database.
//! - `http`: transport. `graphql`: the types of the API. `gate`: what a request passes before it is
//!   executed, and its answer.
//! - `jobs`: what happens by itself.
//! - `messages`: what people write to each other. `notifications`: what the application tells its
//!   users. Neither knows the other.
//! - `people`: users and groups.
//! - `inbox`: the items of inboxes, every change to them, and following it live.
//! - `app`, `auth`, `catalog`, `config`, `db` and the small modules that all of them use.
//!
//! `tests/it/shape.rs` enforces this order.

pub mod app;
pub mod auth;
pub mod backup;
pub mod budget;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
#[cfg(feature = "demo")]
pub mod demo;
pub mod error;
pub mod gate;
pub mod graphql;
pub mod http;
pub mod id;
pub mod idempotency;
pub mod inbox;
pub mod jobs;
pub mod messages;
pub mod notifications;
pub mod page;
pub mod people;
pub mod process;
pub mod recount;
pub mod search;
pub mod server;
pub mod text;
