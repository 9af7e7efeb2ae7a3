//! Tidings, an inbox server that a team runs beside its own application.
//!
//! A request goes `http` → `gate` → `graphql` → one function of the domain → `entity`. Each line
//! uses only those below it:
//!
//! - `cli`: the command line, which starts everything.
//! - `backup`: copies of a SQLite database. `demo`: a server with people to look at.
//! - `server`: starting and stopping.
//! - `http`: transport.
//! - `graphql`: the types of the API.
//! - `stats`: what is in the database, and what is due.
//! - `jobs`: what happens by itself. `recount`: whether everything that is counted is right.
//! - `erasure`: forgetting a person.
//! - `messages`: what people write to each other. `notifications`: what the application tells its
//!   users. Neither knows the other.
//! - `people`: users and groups. `gate`: what a request passes before it is executed, and its
//!   answer. `idempotency`: the keys of calls. `process`: port, signals and output.
//! - `app`: the state that all of these work with.
//! - `inbox`: the items of inboxes, every change to them, and following it live.
//! - `budget`, `extras`, `search` and `sweep`; then `auth`, `catalog`, `db` and `log`; then
//!   `traces`, `config` and the small modules.
//!
//! `PARTS` in `tests/it/shape.rs` is this order in full, and that test enforces it.

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
pub mod erasure;
pub mod error;
pub mod extras;
pub mod fetch;
pub mod gate;
pub mod graphql;
pub mod http;
pub mod id;
pub mod idempotency;
pub mod inbox;
pub mod jobs;
pub mod log;
pub mod messages;
pub mod metrics;
pub mod notifications;
pub mod page;
pub mod people;
pub mod process;
pub mod recount;
pub mod search;
pub mod server;
pub mod stats;
pub mod sweep;
pub mod text;
pub mod traces;
