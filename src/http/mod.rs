//! The outside: GraphQL over HTTP, server-sent events and websocket on one path, GraphiQL, health.

mod accept;
mod connections;
mod end;
mod graphql;
mod health;
mod origin;
mod places;
mod request_id;
mod sse;
mod ui;
mod ws;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware,
    response::Response,
    routing::{get, post},
};
use tokio_util::task::TaskTracker;
use tower::util::option_layer;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{Any, CorsLayer},
};

use crate::{
    app::App,
    auth::{self, Actor},
    config::Config,
    error::{Error, Result},
    graphql::TidingsSchema,
    users,
};

pub use connections::serve;
pub use places::Places;

/// Names the person for whom a service or admin acts.
const ACT_AS: &str = "act-as";

/// What every handler works with.
#[derive(Clone)]
pub struct Http {
    pub app: App,
    pub schema: TidingsSchema,
    /// The open websockets and their operations, which outlive their requests.
    pub sockets: TaskTracker,
    /// How many of them each caller has.
    pub places: Arc<Places>,
}

pub fn router(http: Http) -> Result<Router> {
    let router = Router::new()
        .route("/graphql", post(graphql::handle).get(get_graphql))
        .route("/graphiql", get(ui::graphiql))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .layer(DefaultBodyLimit::max(http.app.config.limits.body))
        // Not of event streams: their events would wait in the compressor.
        .layer(CompressionLayer::new())
        .layer(option_layer(cors(&http.app.config)?))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn(request_id::set))
        .with_state(http);
    Ok(router)
}

/// A websocket, or a query by the id of its document.
async fn get_graphql(State(http): State<Http>, request: Request) -> Response {
    match request.headers().contains_key(header::UPGRADE) {
        true => ws::upgrade(State(http), request).await,
        false => graphql::handle(State(http), request).await,
    }
}

/// Pages of other origins may use the API if the configuration names them.
fn cors(config: &Config) -> Result<Option<CorsLayer>> {
    let origins = &config.cors_origins;
    if origins.is_empty() {
        return Ok(None);
    }
    let layer = match origins.iter().any(|origin| origin == "*") {
        true => CorsLayer::new().allow_origin(Any),
        false => {
            let parsed: Result<Vec<HeaderValue>, _> = origins.iter().map(|origin| origin.parse()).collect();
            CorsLayer::new().allow_origin(parsed.map_err(|_| Error::invalid("cors_origins", "are origins"))?)
        }
    };
    let act_as = HeaderName::from_static(ACT_AS);
    let layer = layer
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, act_as, request_id::HEADER, sse::LAST_EVENT_ID])
        .expose_headers([request_id::HEADER]);
    Ok(Some(layer))
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
    let claims = app.auth.verify(auth::bearer(authorization)?, app.clock.now()).await?;
    users::sign_in(app, &claims, act_as).await
}
