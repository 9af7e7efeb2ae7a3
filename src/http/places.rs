//! How many websockets and event streams one caller may have on this server at the same time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{auth::Actor, budget::Holder, config::Limits};

/// The places that are taken.
pub struct Places {
    of_one: usize,
    of_strangers: usize,
    taken: Mutex<HashMap<Holder, usize>>,
}

/// Free again when it is dropped.
pub struct Place {
    places: Arc<Places>,
    holder: Holder,
}

impl Places {
    pub fn new(limits: &Limits) -> Arc<Self> {
        let (of_one, of_strangers) = (limits.sockets_per_user, limits.sockets_without_token);
        Arc::new(Places { of_one, of_strangers, taken: Mutex::default() })
    }

    /// None when the caller has as many as they may.
    pub fn take(self: &Arc<Self>, actor: Option<&Actor>) -> Option<Place> {
        let holder = Holder::of(actor);
        let most = if holder == Holder::Strangers { self.of_strangers } else { self.of_one };
        let mut taken = self.taken();
        let count = taken.get(&holder).copied().unwrap_or(0);
        if count >= most {
            return None;
        }
        taken.insert(holder.clone(), count + 1);
        Some(Place { places: self.clone(), holder })
    }

    /// How many there are of all callers.
    pub fn count(&self) -> usize {
        self.taken().values().sum()
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Holder, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        match taken.get_mut(&self.holder) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.holder)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_holder_has_gone() {
        let limits = Limits { sockets_without_token: 2, ..Limits::default() };
        let places = Places::new(&limits);
        let (first, second) = (places.take(None), places.take(None));
        assert!(first.is_some() && second.is_some() && places.take(None).is_none());
        drop(first);
        let third = places.take(None);
        assert!(third.is_some() && places.take(None).is_none());
        drop((second, third));
        assert!(places.taken().is_empty());
    }
}
