//! Who is connected: so many in all, so many of one client, and who has been idle longest.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::{AbortHandle, AbortRegistration};

use crate::{cluster::TcpLimits, slow::TcpCounters};

/// The connections of all listeners together.
#[derive(Debug)]
pub struct Connections {
    pub(super) counters: Arc<TcpCounters>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    limits: TcpLimits,
    /// So many acts of clients so far.
    acts: u64,
    /// By the client's last act, so the first one has been idle longest.
    seats: BTreeMap<u64, Seat>,
    /// The clients that have a connection.
    clients: HashMap<IpAddr, u32>,
}

#[derive(Debug)]
struct Seat {
    client: IpAddr,
    abort: AbortHandle,
}

/// What a connection has while it may stay; dropping it leaves.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    last_act: u64,
}

impl Connections {
    pub fn new(limits: TcpLimits, counters: Arc<TcpCounters>) -> Self {
        let table = Mutex::new(Table { limits, ..Table::default() });
        Self { counters, table }
    }

    /// Others from now on. Who is connected already stays, and has the patience that it came with.
    pub fn set_limits(&self, limits: TcpLimits) {
        self.table().limits = limits;
    }

    pub(super) fn idle_timeout(&self) -> Duration {
        self.table().limits.idle_timeout
    }

    /// A place for a connection, which ends whoever has been idle longest if there is no other; nothing for a client
    /// that has its share.
    ///
    /// The registration is for the connection's future, which may be ended in turn.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<(Place, AbortRegistration)> {
        let client = client(address);
        let mut table = self.table();
        let limits = table.limits;
        if table.clients.get(&client).is_some_and(|count| *count >= limits.connections_per_client) {
            self.counters.refused.add();
            return None;
        }
        while table.seats.len() >= limits.connections as usize {
            self.evict_from(&mut table);
        }
        self.counters.accepted.add();
        let (abort, registration) = AbortHandle::new_pair();
        *table.clients.entry(client).or_default() += 1;
        let last_act = table.seat(Seat { client, abort });
        Some((Place { connections: Arc::clone(self), last_act }, registration))
    }

    /// Ends the connection that has been idle longest.
    pub(super) fn evict(&self) {
        self.evict_from(&mut self.table());
    }

    fn evict_from(&self, table: &mut Table) {
        let longest_idle = table.seats.keys().next().copied();
        if let Some(seat) = longest_idle.and_then(|last_act| table.leave(last_act)) {
            seat.abort.abort();
            self.counters.evicted.add();
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Whoever panics does not do so while holding it.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn seat(&mut self, seat: Seat) -> u64 {
        self.acts += 1;
        self.seats.insert(self.acts, seat);
        self.acts
    }

    fn leave(&mut self, last_act: u64) -> Option<Seat> {
        let seat = self.seats.remove(&last_act)?;
        if let Some(count) = self.clients.get_mut(&seat.client) {
            *count -= 1;
            if *count == 0 {
                self.clients.remove(&seat.client);
            }
        }
        Some(seat)
    }
}

impl Place {
    pub(super) fn counters(&self) -> &TcpCounters {
        &self.connections.counters
    }

    pub(super) fn idle_timeout(&self) -> Duration {
        self.connections.idle_timeout()
    }

    /// The client has done something.
    pub(super) fn act(&mut self) {
        let mut table = self.connections.table();
        // Without a seat this connection has been ended already.
        if let Some(seat) = table.seats.remove(&self.last_act) {
            self.last_act = table.seat(seat);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.table().leave(self.last_act);
    }
}

/// One client for the limit: an IPv4 address, or the 64 bits of an IPv6 address that one host may choose freely in.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(connections: u32, connections_per_client: u32) -> Arc<Connections> {
        let limits = TcpLimits { connections, connections_per_client, idle_timeout: Duration::MAX };
        Arc::new(Connections::new(limits, Arc::default()))
    }

    fn admit(connections: &Arc<Connections>, client: &str) -> Option<(Place, AbortRegistration)> {
        connections.admit(client.parse().expect("an address"))
    }

    #[test]
    fn a_client_is_an_address_or_64_bits() {
        for (address, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            let [address, expected] = [address, expected].map(|text| text.parse().expect("an address"));
            assert_eq!(client(address), expected);
        }
    }

    #[test]
    fn a_client_has_its_share_and_no_more() {
        let connections = connections(10, 2);
        let first = admit(&connections, "192.0.2.1").expect("a place");
        let _second = admit(&connections, "192.0.2.1").expect("a place");
        assert!(admit(&connections, "192.0.2.1").is_none());
        let _other = admit(&connections, "192.0.2.2").expect("a place");
        drop(first);
        let _third = admit(&connections, "192.0.2.1").expect("a place");
        assert_eq!((connections.counters.refused.get(), connections.counters.evicted.get()), (1, 0));
    }

    #[test]
    fn a_newcomer_gets_the_place_of_whoever_has_been_idle_longest() {
        let connections = connections(3, 3);
        let mut placed = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
            .map(|client| admit(&connections, client).expect("a place"));
        let is_ended = |place: &Place| !connections.table().seats.contains_key(&place.last_act);
        placed[0].0.act();
        let (fourth, _registration) = admit(&connections, "192.0.2.4").expect("a place");
        assert_eq!([0, 1, 2].map(|index| is_ended(&placed[index].0)), [false, true, false]);
        assert!(!is_ended(&fourth));
        // One that has been ended neither acts nor leaves once more.
        placed[1].0.act();
        assert!(is_ended(&placed[1].0));
        drop(placed);
        assert_eq!(connections.table().seats.len(), 1);
        drop(fourth);
        assert!(connections.table().clients.is_empty());
        assert_eq!(connections.counters.evicted.get(), 1);
    }
}
