//! `/metrics`, on an address of its own: what [`Metrics`](crate::metrics::Metrics) has recorded, and
//! what the server holds at the moment.

use std::sync::Arc;

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, sync::Mutex};

use super::{Http, connections};
use crate::log;

/// A reader of metrics needs one connection, or two. What else is opened here must not use up the files
/// that the API needs for its own.
const MOST_CONNECTIONS: usize = 100;
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers until the server ends.
pub async fn serve(http: Http, listener: TcpListener) {
    let (app, metrics) = (http.app.clone(), http.app.metrics.clone());
    if let Ok(address) = listener.local_addr() {
        tracing::info!(url = %format_args!("http://{address}/metrics"), "metrics");
    }
    let database = if app.db.is_postgres() { "postgres" } else { "sqlite" };
    metrics.says_what_it_is(env!("CARGO_PKG_VERSION"), database);
    // One answer at a time, so that making them never occupies more than one processor.
    let turn = Arc::new(Mutex::new(()));
    let answer = async move || {
        let _turn = turn.lock().await;
        show(&http)
    };
    let router = Router::new().route("/metrics", get(answer));
    tokio::select! {
        () = connections::serve(&app, listener, router, MOST_CONNECTIONS) => {}
        () = metrics.keep_small() => {}
    }
}

fn show(http: &Http) -> Response {
    let Http { app, answers, operations, .. } = http;
    let metrics = &app.metrics;
    app.db.observe();
    metrics.followers.set(app.live.connected().len() as f64);
    for (name, budget) in [("answers", answers), ("operations", operations)] {
        metrics.budget.record(name, |gauge| gauge.set(budget.held() as f64));
        metrics.budget_size.record(name, |gauge| gauge.set(budget.size() as f64));
        metrics.budget_waiting.record(name, |gauge| gauge.set(budget.waiting() as f64));
    }
    metrics.lost_lines.absolute(log::lost_lines() as u64);
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], metrics.text(app.clock.now())).into_response()
}
