//! The tables as SeaORM entities: columns, relations, and the scopes that decide who may see a row.
//!
//! There is one file for each table, and `id` with the types of their keys. `migration` creates the
//! tables; `tests/it/migrations.rs` compares the two.

use serde::{Deserialize, Deserializer};

pub mod activity;
pub mod announcement;
pub mod announcement_reading;
pub mod delivery;
pub mod erasure;
pub mod expiry;
pub mod group;
pub mod group_member;
pub mod id;
pub mod idempotency_key;
pub mod inbox;
pub mod inbox_item;
pub mod inbox_item_activity;
pub mod inbox_item_actor;
pub mod inbox_undo;
pub mod installation;
pub mod message;
pub mod message_audience;
pub mod message_recipient;
mod moment;
pub mod refresh;
pub mod reminder;
pub mod search_again;
pub mod search_lost;
pub mod search_progress;
pub mod search_text;
pub mod search_word;
pub mod subscription;
pub mod subscription_config;
pub mod sweep;
pub mod target;
pub mod thread;
pub mod thread_mute;
pub mod user;

/// A column that a statement may leave out: NULL in its place becomes the type's default value.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
