//! What an orchestrator asks: whether the process responds, and whether it can serve.

use axum::{
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::Http;
use crate::db::Unready;

/// After how many seconds a probe may find a different answer.
const ASK_AGAIN: [(HeaderName, &str); 1] = [(header::RETRY_AFTER, "1")];

/// The process responds.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// The server can serve: the database answers, has the tables of this server and accepts writes, and
/// the server is not about to stop.
pub async fn readyz(State(http): State<Http>) -> Response {
    let reason = match http.app.stopping.is_cancelled() {
        true => "stopping\n",
        false => match http.app.db.check().await {
            Ok(()) => return "ready\n".into_response(),
            Err(Unready::DoesNotAnswer) => "the database does not answer\n",
            Err(Unready::HasOtherTables) => {
                "the database does not have the tables of this server\n"
            }
            Err(Unready::CannotBeWrittenTo) => "the database cannot be written to\n",
        },
    };
    (StatusCode::SERVICE_UNAVAILABLE, ASK_AGAIN, reason).into_response()
}
