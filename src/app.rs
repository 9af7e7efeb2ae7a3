//! What every part of the server works with.

mod recent_users;

use std::sync::Arc;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{Auth, Role},
    catalog::Catalog,
    clock::Clock,
    config::Config,
    db::Db,
    inbox::live::Live,
};

pub use recent_users::RecentUsers;

/// Cheap to clone: handles of the one server.
#[derive(Clone)]
pub struct App {
    pub db: Arc<Db>,
    pub live: Arc<Live>,
    pub auth: Arc<Auth>,
    /// What activities are about.
    pub catalog: Arc<Catalog>,
    pub recent_users: Arc<RecentUsers>,
    pub config: Arc<Config>,
    pub clock: Clock,
    /// Names the history that cursors belong to.
    pub epoch: Arc<str>,
    /// Cancelled when the server is to end.
    pub shutdown: CancellationToken,
    /// Cancelled somewhat before: no new clients should come.
    pub stopping: CancellationToken,
    /// In the demo, whom anybody may be.
    pub demo: Option<Arc<[DemoUser]>>,
}

impl App {
    /// For what goes on by itself, in many transactions: it begins none any more when the server is to end, and goes on after
    /// the next start.
    pub fn in_background(&self) -> Self {
        App { db: Arc::new(self.db.in_background(self.shutdown.clone())), ..self.clone() }
    }
}

/// A person of the demo, or its host application, with a token for everybody to see.
#[derive(Serialize)]
pub struct DemoUser {
    /// The external id, or the name of the service.
    pub name: &'static str,
    pub role: Role,
    pub token: String,
}
