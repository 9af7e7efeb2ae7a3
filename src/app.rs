//! The state that every part of the server shares.

mod recent_users;

use std::{collections::HashMap, ops::Deref, sync::Arc};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{Auth, Role},
    catalog::Catalog,
    clock::Clock,
    config::Config,
    db::Db,
    inbox::live::Live,
    metrics::Metrics,
    traces::Traces,
};

pub use recent_users::RecentUsers;

/// A handle to the [`State`] of the one server. Cheap to clone, and small: every socket and every
/// operation holds some.
#[derive(Clone)]
pub struct App(Arc<State>);

/// What the parts of a server work with.
#[derive(Clone)]
pub struct State {
    pub db: Arc<Db>,
    pub live: Arc<Live>,
    pub auth: Arc<Auth>,
    /// What activities can be about.
    pub catalog: Arc<Catalog>,
    pub recent_users: Arc<RecentUsers>,
    pub config: Arc<Config>,
    pub metrics: Arc<Metrics>,
    pub traces: Arc<Traces>,
    pub clock: Clock,
    /// Identifies the history that cursors belong to.
    pub epoch: Arc<str>,
    /// Cancelled when the server is to stop.
    pub shutdown: CancellationToken,
    /// Cancelled somewhat earlier: no new clients should connect.
    pub stopping: CancellationToken,
    /// None if this is not the demo.
    pub demo: Option<Arc<Demo>>,
}

impl Deref for App {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl App {
    pub fn new(state: State) -> Self {
        App(Arc::new(state))
    }

    /// The same server with something changed.
    pub fn with(&self, change: impl FnOnce(&mut State)) -> Self {
        let mut state = State::clone(self);
        change(&mut state);
        App::new(state)
    }

    /// For work that goes on by itself in many transactions: it begins no more of them once the
    /// server is to stop, and continues after the next start.
    pub fn in_background(&self) -> Self {
        self.with(|state| state.db = Arc::new(self.db.in_background(self.shutdown.clone())))
    }
}

/// What the demo shows to everybody on this machine.
pub struct Demo {
    /// Those that anybody may act as.
    pub users: Vec<DemoUser>,
    /// Everybody's picture, as SVG, by their external ids.
    pub portraits: HashMap<&'static str, String>,
}

/// A person of the demo, or its host application, with a token that everybody may see.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DemoUser {
    /// The external id, or the name of the service.
    pub name: &'static str,
    pub role: Role,
    pub token: String,
    pub display_name: String,
    /// The path of a picture, relative to the server's.
    pub avatar_url: Option<String>,
}
