//! What is read for a client stays in memory until the client has taken it. So an update is read
//! only when there is room for it: one at a time for each connection, within the budget of its
//! owner.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    budget::{Budget, Holder, Permit},
    inbox::LARGEST_UPDATE,
    metrics::Metrics,
};

/// A text is held as a row, in the answer, and in the answer's JSON, where it may be longer.
const COPIES: usize = 4;
/// What an update takes in addition to its texts.
const FRAME: usize = 4 * 1024;

/// The way to the client at the other end of a connection. Clones share it.
#[derive(Clone)]
pub struct Outlet {
    turn: Arc<Semaphore>,
    budget: Arc<Budget>,
    holder: Holder,
    pub metrics: Arc<Metrics>,
}

/// Room for one update, until it is dropped.
pub struct Room {
    permit: Permit,
    _turn: OwnedSemaphorePermit,
}

impl Outlet {
    pub fn new(budget: Arc<Budget>, holder: Holder, metrics: Arc<Metrics>) -> Self {
        Outlet { turn: Arc::new(Semaphore::new(1)), budget, holder, metrics }
    }

    /// Waits for room for the largest update; None if the connection has ended.
    pub async fn room(&self) -> Option<Room> {
        let turn = self.turn.clone().acquire_owned().await.ok()?;
        let permit = self.budget.take(self.holder.clone(), (LARGEST_UPDATE * COPIES) as u64).await;
        Some(Room { permit, _turn: turn })
    }
}

impl Room {
    /// Gives back the room that an update with this many bytes of texts does not need.
    pub fn shrink_to(&mut self, texts: usize) {
        self.permit.resize((texts * COPIES + FRAME) as u64);
    }
}
