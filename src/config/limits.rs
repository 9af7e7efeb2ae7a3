use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one request, connection or person may use. Sizes are in bytes, times as in `10s` or `500ms`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Fields within fields.
    pub depth: u64,
    /// Objects that a request can load, by the sizes of its pages; ten plain fields count as one.
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
    /// Words, numbers, strings and signs in a document.
    pub tokens: usize,
    /// Values in the arguments of a document, with its fragments and variables written out.
    pub values: u64,
    /// Lists and objects within each other in one value.
    pub value_nesting: usize,
    /// The body of an HTTP request.
    pub body: usize,
    /// One message on a websocket.
    pub socket_message: usize,
    /// Operations at the same time on a websocket.
    pub operations_per_socket: usize,
    /// Websockets and event streams of one person at the same time, on one server.
    pub sockets_per_user: usize,
    /// Websockets and event streams without a token at the same time, on one server.
    pub sockets_without_token: usize,
    /// Websockets at the same time of which nobody knows yet whose they are, on one server.
    pub sockets_before_init: usize,
    /// The same of one address; of IPv6, of one /64 network. Behind a proxy all have its address.
    pub sockets_before_init_per_address: usize,
    /// One answer or update, as JSON.
    pub answer: u64,
    /// Answers and updates of one person that are being made or wait to be taken, on one server; also of all without a token. A
    /// service has none of its own.
    pub answers_per_user: u64,
    /// The same of all, on one server.
    pub answers_in_all: u64,
    /// Queries and mutations of one person at the same time, on one server; also of all without a token. A service has none
    /// of its own.
    pub operations_per_user: u64,
    /// Queries and mutations of all at the same time, on one server.
    pub operations_in_all: u64,
    /// Searches of one person at the same time, on one server. The others wait for a while.
    pub searches_per_user: u64,
    /// Searches of all at the same time, on one server: fewer than there are connections for reading.
    pub searches_in_all: u64,
    /// HTTP connections at the same time, on one server; websockets are no longer counted.
    pub connections: usize,
    /// Operations of one person in a minute, on one server; any number if it is not set.
    pub operations_per_minute: Option<u32>,
    /// For the headers of a request.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// For the body of a request.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// For the execution of a query or mutation.
    #[serde(with = "humantime_serde")]
    pub execution_timeout: Duration,
    /// After which an HTTP connection without requests is closed.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// For the `connection_init` of a websocket.
    #[serde(with = "humantime_serde")]
    pub init_timeout: Duration,
    /// For a client to take the next part of what it is sent.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// Between two pings on a websocket or two heartbeats of an event stream; a websocket that leaves two pings unanswered is
    /// closed.
    #[serde(with = "humantime_serde")]
    pub ping_interval: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            depth: 15,
            cost: 2_000,
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
