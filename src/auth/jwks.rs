//! Keeps the public keys fresh.
//!
//! - They are read at the start, at an interval, and when a token names an unknown key, because a
//!   provider may start signing with a new key at any time. The latter happens at most once per
//!   [`PAUSE`], and once for everybody who waits for it. Tokens with known keys never wait, so
//!   made-up key ids cannot delay anybody.
//! - While the keys cannot be read, the previous ones stay in use. A token whose key is not among
//!   them is then neither valid nor invalid: its owner gets `UNAVAILABLE` and retries.
//! - A key that was removed from the document is dropped here at the next reading, together with
//!   all tokens that it has verified.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;
use tokio::sync::Mutex;

use super::{keys::Keys, source::Source};
use crate::{
    error::{Error, Result},
    traces::Carry,
};

/// The least time between two readings, whatever asks for them.
const PAUSE: TimeDelta = TimeDelta::seconds(5);

pub struct Jwks {
    source: Source,
    allowed: Vec<Algorithm>,
    state: RwLock<State>,
    /// Held while the document is being read.
    reading: Mutex<()>,
}

#[derive(Clone, Default)]
struct State {
    keys: Arc<Keys>,
    document: Arc<[u8]>,
    read_at: Option<DateTime<Utc>>,
    /// Whether the last reading succeeded.
    is_current: bool,
}

impl Jwks {
    pub fn open(place: &str, allowed: Vec<Algorithm>) -> Result<Self> {
        let source = Source::of(place)?;
        let jwks = Jwks { source, allowed, state: RwLock::default(), reading: Mutex::default() };
        if let Some(read) = jwks.source.read_now() {
            let state = read.and_then(|document| jwks.take_in(&State::default(), document));
            jwks.set(state.map_err(|error| Error::invalid("auth_jwks", error))?);
        }
        Ok(jwks)
    }

    /// The keys to try for a token that names this key id. If the id is unknown, the document is
    /// read again first.
    pub async fn keys_for(
        self: &Arc<Self>,
        id: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Arc<Keys>> {
        let state = self.state();
        if state.keys.know(id) {
            return Ok(state.keys);
        }
        self.read_again(now, PAUSE).await;
        let state = self.state();
        match state.is_current || state.keys.know(id) {
            true => Ok(state.keys),
            false => Err(Error::Unavailable(
                "the JWKS cannot be read, and a token names an unknown key".into(),
            )),
        }
    }

    /// Reads the document if it is due. Returns the time of the next reading.
    pub async fn refresh(self: &Arc<Self>, now: DateTime<Utc>) -> DateTime<Utc> {
        self.read_again(now, self.interval()).await;
        self.state().read_at.unwrap_or(now) + self.interval()
    }

    fn interval(&self) -> TimeDelta {
        if self.state().is_current { self.source.interval() } else { PAUSE }
    }

    /// Reads the document as if for the first time, and counts its usable keys.
    pub async fn count(&self) -> Result<usize> {
        let read = self.source.read().await;
        let keys = read.and_then(|document| Ok(Keys::parse(&document, &self.allowed)?));
        Ok(keys.map_err(|error| Error::invalid("auth_jwks", error))?.len())
    }

    /// Returns immediately if the document was read less than `pause` ago.
    async fn read_again(self: &Arc<Self>, now: DateTime<Utc>, pause: TimeDelta) {
        // In a task of its own: a client that goes away must not cancel what others wait for.
        let jwks = self.clone();
        let reading = async move {
            let _one_at_a_time = jwks.reading.lock().await;
            let old = jwks.state();
            // The system clock may have been set back.
            if old.read_at.is_some_and(|last| (now - last).abs() < pause) {
                return;
            }
            let read = jwks.source.read().await.and_then(|document| jwks.take_in(&old, document));
            let new = read.unwrap_or_else(|error| {
                tracing::warn!(error, "the JWKS could not be read");
                State { is_current: false, ..old }
            });
            jwks.set(State { read_at: Some(now), ..new });
        };
        let _ = tokio::spawn(reading.carried()).await;
    }

    fn take_in(&self, old: &State, document: Vec<u8>) -> Result<State, String> {
        let is_same = old.document[..] == document[..];
        let keys = match is_same {
            true => old.keys.clone(),
            false => Arc::new(Keys::parse(&document, &self.allowed)?),
        };
        if !is_same {
            tracing::info!(keys = keys.len(), "the JWKS has changed");
        }
        Ok(State { keys, document: document.into(), is_current: true, ..*old })
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}
