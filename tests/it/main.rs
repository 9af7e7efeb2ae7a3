//! The tests of the server, against the real thing: a real port, real websockets, SQLite and PostgreSQL.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

mod app;
mod database;
mod socket;

mod authz;
mod cli;
mod examples;
mod graphiql;
mod groups;
mod health;
mod idempotency;
mod inbox;
mod invariant;
mod live;
mod messages;
mod migrations;
mod paging;
mod readme;
mod receipts;
mod schema;
mod statements;
mod threads;
mod users;
