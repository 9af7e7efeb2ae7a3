//! The outside: GraphQL over HTTP and websocket on one path, GraphiQL, health.

mod assets;
mod graphql;
mod health;
mod ui;
mod ws;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::HeaderMap,
    routing::{get, post},
};
use tokio_util::task::TaskTracker;

use crate::{
    app::App,
    auth::{self, Actor},
    error::{Error, Result},
    graphql::TidingsSchema,
    users,
};

/// The largest request; a message's body has 64 KiB.
const LARGEST_BODY: usize = 256 * 1024;
/// Names the person for whom a service or admin acts.
const ACT_AS: &str = "act-as";

/// What every handler works with.
#[derive(Clone)]
pub struct Http {
    pub app: App,
    pub schema: TidingsSchema,
    /// The open websockets, which outlive their requests.
    pub sockets: TaskTracker,
}

pub fn router(http: Http) -> Router {
    Router::new()
        .route("/graphql", post(graphql::handle).get(ws::upgrade))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(ui::routes(http.app.demo.is_some()))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(http)
}

/// Who sent a request; None without a token.
async fn actor(app: &App, headers: &HeaderMap) -> Result<Option<Actor>> {
    let text = |name: &'static str| match headers.get(name).map(|value| value.to_str()) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => Err(Error::invalid(name, "is not a text")),
    };
    match text("authorization")? {
        Some(authorization) => sign_in(app, authorization, text(ACT_AS)?).await.map(Some),
        None => Ok(None),
    }
}

async fn sign_in(app: &App, authorization: &str, act_as: Option<&str>) -> Result<Actor> {
    let claims = app.auth.verify(auth::bearer(authorization)?, app.clock.now())?;
    users::sign_in(app, &claims, act_as).await
}
