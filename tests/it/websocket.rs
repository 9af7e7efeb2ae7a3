//! graphql-transport-ws according to its PROTOCOL.md, with raw frames, and what the server adds:
//! who may connect, for how long, and how much.

mod ends;
mod handshake;
mod limits;
mod messages;
mod operations;

use tidings::config::{Config, Limits};

use crate::support::{
    app::{Kind, TestApp},
    socket::Socket,
};

/// For tests in which the database does not matter.
async fn server() -> TestApp {
    limited(|_| {}).await
}

async fn limited(set: impl FnOnce(&mut Limits)) -> TestApp {
    configured(|config| set(&mut config.limits)).await
}

async fn configured(set: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::start_with(Kind::Sqlite, set).await.unwrap()
}

async fn open(app: &TestApp) -> Socket {
    Socket::open(app.address()).await
}

/// A socket after `connection_init`, without a token.
async fn connected(app: &TestApp) -> Socket {
    open(app).await.initialised().await
}
