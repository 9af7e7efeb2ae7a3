use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::time::Time;

/// How the server uses its database. Durations are written as `10s` or `500ms`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// Connections for reads. If not set: 4 on SQLite, 16 on PostgreSQL.
    #[schemars(example = 4)]
    pub readers: Option<u32>,
    /// Connections for transactions, on PostgreSQL; SQLite has a single writer.
    pub writers: u32,
    /// How many transactions may wait for one of these connections, or for the writer, and how many
    /// calls of a kind for their turn. Further ones are refused at once.
    pub queue: usize,
    /// How long a read or a transaction waits for its connection.
    #[serde(with = "Time")]
    pub acquire_timeout: Duration,
    /// How long a transaction waits for a row that another one has locked, on PostgreSQL; 0s means
    /// no limit.
    #[serde(with = "Time")]
    pub lock_timeout: Duration,
    /// How long one statement of a read may take, on PostgreSQL; 0s means no limit.
    #[serde(with = "Time")]
    pub read_timeout: Duration,
    /// How long one statement of a transaction may take, on PostgreSQL; 0s means no limit. One part
    /// of a large send takes a second or two.
    #[serde(with = "Time")]
    pub write_timeout: Duration,
    /// A statement that takes longer than this is logged, by its name; 0s: none is.
    #[serde(with = "Time")]
    pub slow_statement: Duration,
}

impl Default for Database {
    fn default() -> Self {
        Database {
            readers: None,
            writers: 16,
            queue: 1_024,
            acquire_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(4),
            read_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(60),
            slow_statement: Duration::from_secs(1),
        }
    }
}
