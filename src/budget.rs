//! What the process has for its callers: bytes of answers and updates, concurrent operations, turns
//! of searches. One person holds at most a share of them, and all together at most the whole, so
//! that nobody pays for another's requests. A service calls on behalf of everybody, so its share is
//! the whole.
//!
//! A caller that needs bytes takes a [`Permit`] first, and drops it afterwards. A permit that turns
//! out to be too small is enlarged without waiting: the bytes are already in use, and the next
//! caller waits for them. A request larger than a share or than the whole still passes, alone.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ::entity::id::UserId;
use tokio::sync::oneshot;

use crate::auth::Actor;

/// The holder of bytes or places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    Person(UserId),
    /// A service that acts on behalf of no user.
    Service(String),
    /// All callers without a token, together.
    Strangers,
}

impl Holder {
    pub fn of(actor: Option<&Actor>) -> Self {
        match actor {
            Some(actor) => match actor.user_id() {
                Some(user) => Holder::Person(user),
                None => Holder::Service(actor.subject.clone()),
            },
            None => Holder::Strangers,
        }
    }
}

pub struct Budget {
    /// What one holder may have, and what all holders may have together.
    of_one: u64,
    of_all: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    all: u64,
    held: HashMap<Holder, u64>,
    /// In order of arrival.
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    holder: Holder,
    bytes: u64,
    granted: oneshot::Sender<Permit>,
}

/// Bytes that somebody holds. Dropping it returns them.
pub struct Permit {
    budget: Arc<Budget>,
    holder: Holder,
    bytes: u64,
}

impl Budget {
    pub fn new(of_one: u64, of_all: u64) -> Arc<Self> {
        Arc::new(Budget { of_one, of_all, state: Mutex::default() })
    }

    /// Waits until there is room. The first to come is the first served, except that nobody waits
    /// behind somebody whose own share is used up. Dropping the future gives up the place in the
    /// queue.
    pub async fn take(self: &Arc<Self>, holder: Holder, bytes: u64) -> Permit {
        let (granted, grant) = oneshot::channel();
        self.state().waiting.push_back(Waiting { holder: holder.clone(), bytes, granted });
        self.grant();
        // A budget never drops a request that somebody is waiting for.
        grant.await.unwrap_or(Permit { budget: self.clone(), holder, bytes: 0 })
    }

    /// None if there is no room now.
    pub fn try_take(self: &Arc<Self>, holder: Holder, bytes: u64) -> Option<Permit> {
        let mut state = self.state();
        let is_free = self.has_room_for_one(&state, &holder, bytes)
            && self.has_room_for_all(&state, bytes)
            // Somebody waits until enough is free, and would wait forever if others took it bit by
            // bit.
            && !state.waiting.iter().any(|next| self.has_room_for_one(&state, &next.holder, next.bytes));
        is_free.then(|| self.hold(&mut state, holder, bytes))
    }

    /// Holds bytes that are already in use, without waiting.
    pub fn put(self: &Arc<Self>, holder: Holder, bytes: u64) -> Permit {
        self.hold(&mut self.state(), holder, bytes)
    }

    /// How many bytes are held.
    pub fn held(&self) -> u64 {
        self.state().all
    }

    /// How many bytes there are for all holders together.
    pub fn size(&self) -> u64 {
        self.of_all
    }

    /// How many callers wait for bytes.
    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Serves the waiters.
    fn grant(self: &Arc<Self>) {
        let mut granted = Vec::new();
        let mut state = self.state();
        let mut next = 0;
        while let Some(Waiting { holder, bytes, granted: waiter }) = state.waiting.get(next) {
            if waiter.is_closed() {
                state.waiting.remove(next);
            } else if !self.has_room_for_one(&state, holder, *bytes) {
                next += 1;
            } else if self.has_room_for_all(&state, *bytes) {
                let Some(Waiting { holder, bytes, granted: waiter }) = state.waiting.remove(next)
                else {
                    break;
                };
                granted.push((waiter, self.hold(&mut state, holder, bytes)));
            } else {
                break;
            }
        }
        drop(state);
        for (waiter, permit) in granted {
            // If a waiter has given up meanwhile, the permit is dropped, and that serves the next
            // waiters.
            let _ = waiter.send(permit);
        }
    }

    fn has_room_for_one(&self, state: &State, holder: &Holder, bytes: u64) -> bool {
        let held = state.held.get(holder).copied().unwrap_or(0);
        held == 0 || held + bytes <= self.of_one || matches!(holder, Holder::Service(_))
    }

    fn has_room_for_all(&self, state: &State, bytes: u64) -> bool {
        state.all == 0 || state.all + bytes <= self.of_all
    }

    fn hold(self: &Arc<Self>, state: &mut State, holder: Holder, bytes: u64) -> Permit {
        state.change(&holder, 0, bytes);
        Permit { budget: self.clone(), holder, bytes }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn change(&mut self, holder: &Holder, from: u64, to: u64) {
        self.all = self.all - from + to;
        let held = self.held.get(holder).copied().unwrap_or(0) - from + to;
        match held {
            0 => drop(self.held.remove(holder)),
            _ => drop(self.held.insert(holder.clone(), held)),
        }
    }
}

impl Permit {
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Holds this many bytes from now on, without waiting.
    pub fn resize(&mut self, bytes: u64) {
        self.budget.state().change(&self.holder, self.bytes, bytes);
        let is_less = bytes < self.bytes;
        self.bytes = bytes;
        if is_less {
            self.budget.grant();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    const ADA: Holder = Holder::Person(UserId(1));
    const BOB: Holder = Holder::Person(UserId(2));
    const EVE: Holder = Holder::Person(UserId(3));

    fn poll<F: Future<Output = Permit>>(future: std::pin::Pin<&mut F>) -> Option<Permit> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }

    #[test]
    fn one_person_has_a_share_and_all_have_the_whole() {
        let budget = Budget::new(10, 15);
        let first = budget.try_take(ADA, 6).unwrap();
        assert!(budget.try_take(ADA, 5).is_none());
        let second = budget.try_take(ADA, 4).unwrap();
        assert!(budget.try_take(BOB, 6).is_none());
        let third = budget.try_take(BOB, 5).unwrap();
        assert_eq!(budget.held(), 15);
        drop((first, second, third));
        assert!(budget.held() == 0 && budget.state().held.is_empty());
    }

    #[test]
    fn what_is_larger_than_a_share_passes_alone() {
        let budget = Budget::new(10, 15);
        let large = budget.try_take(ADA, 100).unwrap();
        assert!(budget.try_take(ADA, 1).is_none() && budget.try_take(BOB, 1).is_none());
        drop(large);
        assert!(budget.try_take(BOB, 1).is_some());
    }

    #[test]
    fn those_who_wait_are_served_in_turn_and_nobody_waits_for_the_share_of_another() {
        let budget = Budget::new(10, 15);
        let of_ada = budget.try_take(ADA, 8).unwrap();
        let mut more_of_ada = pin!(budget.take(ADA, 8));
        assert!(poll(more_of_ada.as_mut()).is_none());
        let of_bob = poll(pin!(budget.take(BOB, 5))).unwrap();
        let mut more_of_bob = pin!(budget.take(BOB, 5));
        assert!(poll(more_of_bob.as_mut()).is_none());
        // Eve's request would fit, but she came after Bob, for whom there is room in his share.
        let mut of_eve = pin!(budget.take(EVE, 1));
        assert!(poll(of_eve.as_mut()).is_none() && budget.try_take(EVE, 1).is_none());
        drop(of_ada);
        // Ada came first: 8 and 5 are held, and 5 more would be too many.
        let of_ada = poll(more_of_ada.as_mut()).unwrap();
        assert!(poll(more_of_bob.as_mut()).is_none());
        drop(of_ada);
        assert!(poll(more_of_bob.as_mut()).is_some() && poll(of_eve.as_mut()).is_some());
        drop(of_bob);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn a_wait_that_is_given_up_leaves_nothing_behind() {
        let budget = Budget::new(10, 10);
        let first = budget.try_take(ADA, 10).unwrap();
        {
            let mut gives_up = pin!(budget.take(BOB, 10));
            assert!(poll(gives_up.as_mut()).is_none());
            drop(first);
            // It was granted, but nobody takes it.
            assert_eq!(budget.held(), 10);
        }
        assert_eq!(budget.held(), 0);
        assert!(budget.try_take(EVE, 10).is_some());
    }

    #[test]
    fn a_permit_grows_without_waiting_and_others_wait_for_it() {
        let budget = Budget::new(10, 20);
        let mut permit = budget.try_take(ADA, 1).unwrap();
        permit.resize(30);
        assert_eq!((permit.bytes(), budget.held()), (30, 30));
        let mut of_bob = pin!(budget.take(BOB, 10));
        assert!(poll(of_bob.as_mut()).is_none());
        permit.resize(10);
        assert!(poll(of_bob.as_mut()).is_some());
    }
}
