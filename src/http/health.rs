use axum::{extract::State, http::StatusCode};
use sea_orm::ConnectionTrait;

use super::Http;

/// The process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// It can serve: the database answers, and the server is not about to end.
pub async fn readyz(State(http): State<Http>) -> (StatusCode, &'static str) {
    if http.app.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match http.app.db.read().execute_unprepared("SELECT 1").await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}
