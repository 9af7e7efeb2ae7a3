use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::time::Time;

/// What one request, connection or person may use. Sizes are in bytes; durations are written as
/// `10s` or `500ms`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The greatest depth of fields within fields.
    pub depth: u64,
    /// How many objects a request can load, calculated from its page sizes; ten plain fields count
    /// as one object.
    pub cost: u64,
    /// Aliases in a document.
    pub aliases: usize,
    /// Directives in a document.
    pub directives: usize,
    /// Operations in a document.
    pub operations: usize,
    /// Fragments in a document.
    pub fragments: usize,
    /// Variables of a request.
    pub variables: usize,
    /// Names, numbers, strings and punctuators in a document.
    pub tokens: usize,
    /// Values in the arguments of a document, with its fragments and variables expanded.
    pub values: u64,
    /// The greatest depth of lists and objects within one value.
    pub value_nesting: usize,
    /// The size of an HTTP request's body.
    pub body: usize,
    /// The size of one message on a websocket.
    pub socket_message: usize,
    /// Concurrent operations on a websocket.
    pub operations_per_socket: usize,
    /// Concurrent websockets and event streams of one person, on one server.
    pub sockets_per_user: usize,
    /// Concurrent websockets and event streams without a token, on one server.
    pub sockets_without_token: usize,
    /// Concurrent websockets that have not sent their `connection_init`, on one server.
    pub sockets_before_init: usize,
    /// Concurrent websockets from one address that have not sent their `connection_init`; for IPv6,
    /// from one /64 network. Behind a proxy, all clients share its address.
    pub sockets_before_init_per_address: usize,
    /// The size of one answer or update, as JSON.
    pub answer: u64,
    /// The size of one person's answers and updates that are being created or waiting to be
    /// received, on one server; also applies to all callers without a token together. Services have
    /// no limit of their own.
    pub answers_per_user: u64,
    /// The size of everybody's answers and updates that are being created or waiting to be
    /// received, on one server.
    pub answers_in_all: u64,
    /// Concurrent queries and mutations of one person, on one server; also applies to all callers
    /// without a token together. Services have no limit of their own.
    pub operations_per_user: u64,
    /// Concurrent queries and mutations of all callers, on one server.
    pub operations_in_all: u64,
    /// Concurrent searches of one person, on one server. Further ones wait for a while.
    pub searches_per_user: u64,
    /// Concurrent searches of all callers, on one server: fewer than the connections for reading.
    pub searches_in_all: u64,
    /// Concurrent HTTP connections, on one server; upgraded websockets no longer count.
    pub connections: usize,
    /// Operations of one person per minute, on one server; no limit if not set.
    #[schemars(example = 600)]
    pub operations_per_minute: Option<u32>,
    /// How long a client may take to send the headers of a request.
    #[serde(with = "Time")]
    pub header_timeout: Duration,
    /// How long a client may take to send the body of a request.
    #[serde(with = "Time")]
    pub body_timeout: Duration,
    /// How long the execution of a query or mutation may take. A mutation that takes longer still
    /// runs to its end.
    #[serde(with = "Time")]
    pub execution_timeout: Duration,
    /// After how long an HTTP connection without requests is closed: longer than proxies keep theirs.
    #[serde(with = "Time")]
    pub idle_timeout: Duration,
    /// How long a websocket may take to send its `connection_init`.
    #[serde(with = "Time")]
    pub init_timeout: Duration,
    /// How long a client may take to receive the next part of what it is sent.
    #[serde(with = "Time")]
    pub write_timeout: Duration,
    /// The time between two pings on a websocket or two heartbeats of an event stream; a websocket
    /// that leaves two pings unanswered is closed.
    #[serde(with = "Time")]
    pub ping_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            depth: 15,
            cost: 3_000,
            aliases: 100,
            directives: 20,
            operations: 5,
            fragments: 50,
            variables: 50,
            tokens: 4_000,
            values: 10_000,
            value_nesting: 32,
            body: 256 * 1024,
            socket_message: 64 * 1024,
            operations_per_socket: 20,
            sockets_per_user: 20,
            sockets_without_token: 100,
            sockets_before_init: 4_000,
            sockets_before_init_per_address: 1_000,
            answer: 8 * 1024 * 1024,
            answers_per_user: 32 * 1024 * 1024,
            answers_in_all: 256 * 1024 * 1024,
            operations_per_user: 100,
            operations_in_all: 1_000,
            searches_per_user: 1,
            searches_in_all: 2,
            connections: 20_000,
            operations_per_minute: None,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(15),
            execution_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            init_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(25),
        }
    }
}
