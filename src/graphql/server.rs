//! What clients have to know about the server that they talk to.

use std::time::Duration;

use async_graphql::{Context, Object, SimpleObject};

use super::{actor, app, list_size};
use crate::{
    app::App,
    config::{AddressBook, OwnField, PersistedDocuments, ReadingDetails},
    error::Result,
    messages::{LONGEST_SUBJECT, MOST_ADDRESSES},
    page, search, text,
};

/// The server: its version, what its settings allow, and its limits.
pub struct Server(App);

/// The server: its version, what its settings allow, and its limits.
#[Object]
impl Server {
    /// Its version, such as 0.1.0.
    async fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    /// Whom people may find and write to. SERVICE and ADMIN may write to everybody.
    async fn address_book(&self) -> AddressBook {
        self.0.config.address_book
    }

    /// What people may change with `updateViewer`.
    #[graphql(directive = list_size::apply(2))]
    async fn people_edit(&self) -> &[OwnField] {
        &self.0.config.people_edit
    }

    /// Whether people may subscribe to targets, and cancel, by themselves. Otherwise only the host
    /// application does it for them.
    async fn people_subscribe(&self) -> bool {
        self.0.config.people_subscribe
    }

    /// What senders learn about who reads their messages.
    async fn reading_details(&self) -> ReadingDetails {
        self.0.config.reading_details
    }

    /// What clients may send instead of the text of a document.
    async fn persisted_documents(&self) -> PersistedDocuments {
        self.0.config.documents()
    }

    /// For how many days a client may be away and still continue from its cursor. After that it
    /// gets a `resync`.
    async fn retention_days(&self) -> u16 {
        self.0.config.retention_days
    }

    /// For how many days an `idempotencyKey` is remembered.
    async fn idempotency_days(&self) -> u16 {
        self.0.config.idempotency_days
    }

    /// What one request, connection or person may use.
    async fn limits(&self) -> ServerLimits {
        ServerLimits::of(&self.0)
    }
}

/// What one request, connection or person may use.
#[derive(SimpleObject)]
pub struct ServerLimits {
    /// The most rows of a page: for `first` and `last`.
    page: i32,
    /// The most addresses of a message.
    addresses: i32,
    /// The most characters of a subject or title.
    subject: i32,
    /// The most bytes of a body.
    body: i32,
    /// The most characters of a text to search for.
    search: i32,
    /// The greatest depth of fields within fields.
    depth: i32,
    /// The greatest cost of a request: how many objects it can load, by the sizes of its pages.
    cost: i32,
    /// The most bytes of an HTTP request's body.
    request: i32,
    /// The most bytes of a message on a websocket.
    socket_message: i32,
    /// The most concurrent operations on a websocket.
    operations_per_socket: i32,
    /// The most concurrent websockets and event streams of a person.
    sockets_per_user: i32,
    /// The most concurrent queries and mutations of a person.
    operations_per_user: i32,
    /// The most operations of a person per minute; null if there is no limit.
    operations_per_minute: Option<i32>,
    /// The most bytes of an answer or update, as JSON.
    answer: i32,
    /// How many milliseconds the execution of a query or mutation may take.
    execution_milliseconds: i32,
    /// How many milliseconds pass between two pings on a websocket, or two heartbeats of an event
    /// stream.
    ping_milliseconds: i32,
}

impl ServerLimits {
    fn of(app: &App) -> Self {
        let limits = &app.config.limits;
        let milliseconds = |time: Duration| most(time.as_millis());
        ServerLimits {
            page: page::MOST,
            addresses: most(MOST_ADDRESSES),
            subject: most(LONGEST_SUBJECT),
            body: most(text::LONGEST_BODY),
            search: most(search::LONGEST),
            depth: most(limits.depth),
            cost: most(limits.cost),
            request: most(limits.body),
            socket_message: most(limits.socket_message),
            operations_per_socket: most(limits.operations_per_socket),
            sockets_per_user: most(limits.sockets_per_user),
            operations_per_user: most(limits.operations_per_user),
            operations_per_minute: limits.operations_per_minute.map(most),
            answer: most(limits.answer),
            execution_milliseconds: milliseconds(limits.execution_timeout),
            ping_milliseconds: milliseconds(limits.ping_interval),
        }
    }
}

/// A number as GraphQL has them, which are at most 2³¹ - 1.
fn most(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

#[derive(Default)]
pub struct ServerQuery;

#[Object]
impl ServerQuery {
    /// What a client has to know about the server that it talks to.
    async fn server(&self, ctx: &Context<'_>) -> Result<Option<Server>> {
        actor(ctx)?;
        Ok(Some(Server(app(ctx).clone())))
    }
}
