//! When a websocket or event stream must end, whatever its client does: the server stops, the token
//! expires, the user is deactivated (P11).
//!
//! It asks whether the user is welcome when the stream begins, too, since signing in believes what
//! was known a second ago. Event streams end without `complete`, which clients take for the end of
//! the operation; they come back after anything else.

use std::{future::pending, time::Duration};

use tokio::time::sleep;

use super::Http;
use crate::{app::App, auth::Actor, db::Topic, error::Error, people::deactivation};

/// When the server stops, it disconnects at most this many clients per second, so that they do not
/// all reconnect at once…
const FAREWELLS_PER_SECOND: f64 = 5_000.0;
/// …but takes at most this long in total.
const LONGEST_FAREWELL: Duration = Duration::from_secs(2);
/// How long to wait if the database could not say whether a user is still active.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Why the server closes a socket.
pub enum CloseReason {
    ServerStops,
    TokenExpired,
    Deactivated(Error),
}

pub const TOKEN_EXPIRED: &str = "token_expired";

impl CloseReason {
    /// In the metrics and in the log.
    pub fn name(&self) -> &'static str {
        match self {
            CloseReason::ServerStops => "server_stops",
            CloseReason::TokenExpired => TOKEN_EXPIRED,
            CloseReason::Deactivated(_) => "not_admitted",
        }
    }
}

/// Waits until a socket of this caller must be closed, and returns the reason.
pub async fn wait(http: Http, actor: Option<Actor>) -> CloseReason {
    tokio::select! {
        () = stop(&http) => CloseReason::ServerStops,
        () = expiry(&http.app, actor.as_ref()) => CloseReason::TokenExpired,
        error = deactivation(&http.app, actor.as_ref()) => CloseReason::Deactivated(error),
    }
}

async fn stop(http: &Http) {
    http.app.shutdown.cancelled().await;
    let all = Duration::from_secs_f64(http.sockets.count() as f64 / FAREWELLS_PER_SECOND)
        .min(LONGEST_FAREWELL);
    let all = all.min(http.app.config.shutdown_timeout / 4);
    sleep(all.mul_f64(rand::random())).await;
}

async fn expiry(app: &App, actor: Option<&Actor>) {
    let Some(actor) = actor else { return pending().await };
    while actor.expires > app.clock.now() {
        app.clock.sleep_until(Some(actor.expires)).await;
    }
}

async fn deactivation(app: &App, actor: Option<&Actor>) -> Error {
    let Some((actor, user)) = actor.and_then(|actor| Some((actor, actor.user_id()?))) else {
        return pending().await;
    };
    let mut changes = app.live.hints(Topic::User(user));
    let mut of_admin = app.live.hints(Topic::User(actor.behind.unwrap_or(user)));
    loop {
        // Also once at the beginning: sign-in used what was known a moment ago.
        changes.borrow_and_update();
        of_admin.borrow_and_update();
        // Boxed, because it is rare, and otherwise every socket would reserve room for it.
        match Box::pin(deactivation::check_active(app, actor)).await {
            Err(Error::Unavailable(_)) => sleep(ASK_AGAIN).await,
            Err(error) => return error,
            Ok(()) => tokio::select! {
                _ = changes.changed() => {}
                _ = of_admin.changed() => {}
            },
        }
    }
}
