//! The tests of the server, against the real thing: a real port, real websockets, SQLite and PostgreSQL.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the answer")]

mod app;
mod database;
mod node;
mod notify;
mod provider;
mod socket;

mod activities;
mod announcements;
mod authz;
mod campaigns;
mod catalog;
mod cli;
mod clients;
mod examples;
mod graphiql;
mod groups;
mod health;
mod http;
mod idempotency;
mod inbox;
mod invariant;
mod limits;
mod live;
mod messages;
mod migrations;
mod paging;
mod persisted;
mod plans;
mod readme;
mod receipts;
mod reminders;
mod reminders_at_once;
mod reports;
mod schema;
mod search;
mod sse;
mod statements;
mod story;
mod subscriptions;
mod threads;
mod tokens;
mod users;
mod websocket;
