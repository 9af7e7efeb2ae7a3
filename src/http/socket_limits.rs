//! Limits how many websockets and event streams one caller may have open on this server, and how
//! many websockets may be open that have not sent their `connection_init` yet.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{auth::Actor, budget::Holder, config::Limits};

/// Counts open sockets and refuses those above the limits.
pub struct SocketLimits {
    /// The most that one user may have open.
    per_user: usize,
    /// The most that all callers without a token may have open together.
    without_token: usize,
    taken: Mutex<HashMap<Holder, usize>>,
    /// The most websockets before their `connection_init`, in total.
    most_before_init: usize,
    most_before_init_per_address: usize,
    before_init: Mutex<BeforeInit>,
}

/// Websockets that have not sent their `connection_init` yet.
#[derive(Default)]
struct BeforeInit {
    all: usize,
    of_address: HashMap<IpAddr, usize>,
}

/// One of a caller's sockets. Dropping it frees the slot.
pub struct SocketSlot {
    sockets: Arc<SocketLimits>,
    holder: Holder,
}

/// A websocket until it has sent its `connection_init`. Dropping it frees the slot.
pub struct InitSlot {
    sockets: Arc<SocketLimits>,
    address: IpAddr,
}

/// Why a websocket is refused before its upgrade.
pub enum TooMany {
    /// Too many of its address, or IPv6 network, have not sent their `connection_init`.
    OfAddress,
    /// Too many of all clients have not sent their `connection_init`.
    InTotal,
}

impl SocketLimits {
    pub fn new(limits: &Limits) -> Arc<Self> {
        let (per_user, without_token) = (limits.sockets_per_user, limits.sockets_without_token);
        Arc::new(SocketLimits {
            per_user,
            without_token,
            taken: Mutex::default(),
            most_before_init: limits.sockets_before_init,
            most_before_init_per_address: limits.sockets_before_init_per_address,
            before_init: Mutex::default(),
        })
    }

    /// Admits a websocket whose caller is not known yet.
    pub fn admit(self: &Arc<Self>, peer: Option<IpAddr>) -> Result<InitSlot, TooMany> {
        let address = network(peer.unwrap_or(Ipv6Addr::UNSPECIFIED.into()));
        let mut before_init = self.before_init();
        let of_address = before_init.of_address.get(&address).copied().unwrap_or(0);
        if before_init.all >= self.most_before_init {
            return Err(TooMany::InTotal);
        }
        if of_address >= self.most_before_init_per_address {
            return Err(TooMany::OfAddress);
        }
        before_init.all += 1;
        before_init.of_address.insert(address, of_address + 1);
        Ok(InitSlot { sockets: self.clone(), address })
    }

    /// None if the caller has as many sockets open as they may.
    pub fn take(self: &Arc<Self>, actor: Option<&Actor>) -> Option<SocketSlot> {
        let holder = Holder::of(actor);
        let most = if holder == Holder::Strangers { self.without_token } else { self.per_user };
        let mut taken = self.taken();
        let count = taken.get(&holder).copied().unwrap_or(0);
        if count >= most {
            return None;
        }
        taken.insert(holder.clone(), count + 1);
        Some(SocketSlot { sockets: self.clone(), holder })
    }

    /// The number of open sockets of all callers, not counting those before `connection_init`.
    pub fn count(&self) -> usize {
        self.taken().values().sum()
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Holder, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn before_init(&self) -> MutexGuard<'_, BeforeInit> {
        self.before_init.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address to count by. A holder of one IPv6 address usually holds its whole /64 network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

impl Drop for InitSlot {
    fn drop(&mut self) {
        let mut before_init = self.sockets.before_init();
        before_init.all -= 1;
        match before_init.of_address.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(before_init.of_address.remove(&self.address)),
        }
    }
}

impl Drop for SocketSlot {
    fn drop(&mut self) {
        let mut taken = self.sockets.taken();
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
    fn a_slot_is_free_again_when_its_holder_has_gone() {
        let limits = Limits { sockets_without_token: 2, ..Limits::default() };
        let sockets = SocketLimits::new(&limits);
        let (first, second) = (sockets.take(None), sockets.take(None));
        assert!(first.is_some() && second.is_some() && sockets.take(None).is_none());
        drop(first);
        let third = sockets.take(None);
        assert!(third.is_some() && sockets.take(None).is_none());
        drop((second, third));
        assert!(sockets.taken().is_empty());
    }

    #[test]
    fn addresses_of_one_network_share_a_limit_before_init() {
        let limits = Limits {
            sockets_before_init: 3,
            sockets_before_init_per_address: 2,
            ..Limits::default()
        };
        let sockets = SocketLimits::new(&limits);
        let admit = |address: &str| sockets.admit(Some(address.parse().unwrap()));
        let (first, second) = (admit("2001:db8::1").ok(), admit("2001:db8::2:0:0:1").ok());
        assert!(matches!(admit("2001:db8::3"), Err(TooMany::OfAddress)));
        let third = admit("192.0.2.1").ok();
        assert!(third.is_some() && matches!(admit("::ffff:192.0.2.2"), Err(TooMany::InTotal)));
        drop((first, third));
        assert!(admit("2001:db8::3").is_ok());
        drop(second);
        assert!(sockets.before_init().all == 0 && sockets.before_init().of_address.is_empty());
    }
}
