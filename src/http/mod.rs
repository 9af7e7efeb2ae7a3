//! The transport: GraphQL over HTTP, server-sent events and websocket on one path, the web pages,
//! health checks.

mod accept;
mod access;
mod assets;
mod close_reason;
mod connections;
mod demo;
mod graphiql;
mod graphql;
mod health;
pub mod metrics;
mod origin;
mod report;
mod request_id;
mod socket_limits;
mod sse;
mod ui;
mod ws;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, Method, header},
    middleware,
    response::Response,
    routing::{any, get},
};
use tokio_util::task::TaskTracker;
use tower::util::option_layer;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};

use crate::{
    app::App,
    auth::{self, Actor},
    budget::Budget,
    error::{Error, Result},
    gate::Gate,
    graphql::Schemas,
    people::users,
};

pub use assets::documents;
pub use connections::serve;
pub use socket_limits::SocketLimits;

/// The header that names the person for whom a service or admin acts.
const ACT_AS: &str = "act-as";

/// The state that every handler works with.
#[derive(Clone)]
pub struct Http {
    pub app: App,
    pub schemas: Schemas,
    pub gate: Arc<Gate>,
    /// What outlives its request: websockets with their operations, and mutations. The database is
    /// closed after them.
    pub tasks: TaskTracker,
    /// The open sockets of each caller.
    pub sockets: Arc<SocketLimits>,
    /// The memory that answers and updates may take: `limits.answers_per_user` and
    /// `limits.answers_in_all`.
    pub answers: Arc<Budget>,
    /// The queries and mutations in progress.
    pub operations: Arc<Budget>,
}

pub fn router(http: Http) -> Router {
    let graphql = Router::new()
        // Any method: axum's own refusal would allow HEAD along with GET.
        .route("/graphql", any(graphql_request))
        .layer(option_layer(origin::cors(&http.app.config)));
    Router::new()
        .merge(graphql)
        .route("/reports/read-rate.csv", get(report::read_rate))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(ui::routes(&http.app.config, http.app.demo.clone(), assets::ASSETS))
        .layer(DefaultBodyLimit::max(http.app.config.limits.body))
        // Not event streams: their events would wait in the compressor.
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn_with_state(http.app.clone(), request_id::set))
        .with_state(http)
}

/// A websocket, or one operation.
async fn graphql_request(State(http): State<Http>, request: Request) -> Response {
    // Other clients offer an upgrade to HTTP/2, which can be ignored.
    let upgrade = request.headers().get(header::UPGRADE);
    let is_websocket =
        upgrade.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"));
    match is_websocket && request.method() == Method::GET {
        true => ws::upgrade(http, request).await,
        false => graphql::handle(http, request).await,
    }
}

/// The caller of a request; None without a token.
async fn actor(app: &App, headers: &HeaderMap) -> Result<Option<Actor>> {
    match header_text(headers, "authorization")? {
        Some(authorization) => {
            sign_in(app, authorization, header_text(headers, ACT_AS)?).await.map(Some)
        }
        None => Ok(None),
    }
}

/// A header that is not text is refused: if its `act-as` were ignored, a service would act as
/// itself.
fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>> {
    let text = headers.get(name).map(|value| value.to_str()).transpose();
    text.map_err(|_| Error::invalid(name, "is not text"))
}

async fn sign_in(app: &App, authorization: &str, act_as: Option<&str>) -> Result<Actor> {
    let claims = app.auth.verify(auth::bearer(authorization)?, app.clock.now()).await?;
    users::sign_in(app, &claims, act_as).await
}
