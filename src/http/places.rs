//! How many websockets and event streams one caller may have on this server at the same time, and how many websockets may
//! be there of which nobody knows yet whose they are.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{auth::Actor, budget::Holder, config::Limits};

/// The places that are taken.
pub struct Places {
    of_one: usize,
    of_strangers: usize,
    taken: Mutex<HashMap<Holder, usize>>,
    before_init: usize,
    before_init_of_address: usize,
    on_doorsteps: Mutex<OnDoorsteps>,
}

/// Websockets that have not introduced themselves.
#[derive(Default)]
struct OnDoorsteps {
    all: usize,
    of_address: HashMap<IpAddr, usize>,
}

/// Free again when it is dropped.
pub struct Place {
    places: Arc<Places>,
    holder: Holder,
}

/// The place of a websocket until it has introduced itself. Free again when it is dropped.
pub struct Doorstep {
    places: Arc<Places>,
    address: IpAddr,
}

/// Those that are refused because there are too many.
pub enum Crowd {
    OfOneAddress,
    OfAll,
}

impl Places {
    pub fn new(limits: &Limits) -> Arc<Self> {
        let (of_one, of_strangers) = (limits.sockets_per_user, limits.sockets_without_token);
        Arc::new(Places {
            of_one,
            of_strangers,
            taken: Mutex::default(),
            before_init: limits.sockets_before_init,
            before_init_of_address: limits.sockets_before_init_per_address,
            on_doorsteps: Mutex::default(),
        })
    }

    /// Lets in a websocket of which nobody knows yet whose it is.
    pub fn step_up(self: &Arc<Self>, peer: Option<IpAddr>) -> Result<Doorstep, Crowd> {
        let address = network(peer.unwrap_or(Ipv6Addr::UNSPECIFIED.into()));
        let mut on_doorsteps = self.on_doorsteps();
        let of_address = on_doorsteps.of_address.get(&address).copied().unwrap_or(0);
        if on_doorsteps.all >= self.before_init {
            return Err(Crowd::OfAll);
        }
        if of_address >= self.before_init_of_address {
            return Err(Crowd::OfOneAddress);
        }
        on_doorsteps.all += 1;
        on_doorsteps.of_address.insert(address, of_address + 1);
        Ok(Doorstep { places: self.clone(), address })
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

    fn on_doorsteps(&self) -> MutexGuard<'_, OnDoorsteps> {
        self.on_doorsteps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever has one IPv6 address mostly has all of its network (/64).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

impl Drop for Doorstep {
    fn drop(&mut self) {
        let mut on_doorsteps = self.places.on_doorsteps();
        on_doorsteps.all -= 1;
        match on_doorsteps.of_address.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(on_doorsteps.of_address.remove(&self.address)),
        }
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
    #[test]
    fn addresses_of_one_network_share_their_doorsteps() {
        let limits = Limits {
            sockets_before_init: 3,
            sockets_before_init_per_address: 2,
            ..Limits::default()
        };
        let places = Places::new(&limits);
        let step_up = |address: &str| places.step_up(Some(address.parse().unwrap()));
        let (first, second) = (step_up("2001:db8::1").ok(), step_up("2001:db8::2:0:0:1").ok());
        assert!(matches!(step_up("2001:db8::3"), Err(Crowd::OfOneAddress)));
        let third = step_up("192.0.2.1").ok();
        assert!(third.is_some() && matches!(step_up("::ffff:192.0.2.2"), Err(Crowd::OfAll)));
        drop((first, third));
        assert!(step_up("2001:db8::3").is_ok());
        drop(second);
        assert!(places.on_doorsteps().all == 0 && places.on_doorsteps().of_address.is_empty());
    }
}
