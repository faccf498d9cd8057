//! Whose datagram it is.
//!
//! An address is believed only after an ICE check from it that proves knowledge of the password;
//! DTLS, RTP and the rest are taken from such addresses alone.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use str0m::ice::StunMessage;

use crate::endpoint::Endpoint;
use crate::ids::{IdMap, PeerId, RoomId};

/// A client has a few paths; more addresses than this are those of the past.
const ADDRESSES_PER_PEER: usize = 16;
/// The name before an ICE restart is valid until the restart is done.
const NAMES_PER_PEER: usize = 2;
/// Addresses of other threads' clients that land here, and addresses that are being checked.
const NOTED_ADDRESSES: usize = 8_192;

/// How to reach an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// By UDP.
    Datagrams {
        /// The socket that hears it.
        port: usize,
        /// The address of ours that it sends to.
        local: Option<IpAddr>,
    },
    /// By a TCP connection.
    Stream {
        /// Its number.
        connection: usize,
        /// The address of ours that it was opened to.
        local: IpAddr,
    },
}

#[derive(Debug)]
struct Route {
    room: RoomId,
    addresses: VecDeque<Endpoint>,
    names: VecDeque<String>,
}

/// Where a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A connection of this thread's.
    Here(RoomId, PeerId),
    /// A connection of another thread's.
    There(usize),
    /// A check for a name that is not known here: other threads may know it.
    Ask,
    /// Nobody's.
    Nobody,
}

/// The tables of one thread.
#[derive(Debug, Default)]
pub struct Demux {
    routes: IdMap<PeerId, Route>,
    addresses: HashMap<Endpoint, (PeerId, Path)>,
    names: HashMap<String, PeerId>,
    /// Where our own checks went: the answers to them come from there.
    checked: HashMap<Endpoint, PeerId>,
    elsewhere: HashMap<Endpoint, usize>,
    released: Vec<usize>,
}

impl Demux {
    /// A new connection.
    pub fn open(&mut self, room: RoomId, peer: PeerId) {
        let route = Route { room, addresses: VecDeque::new(), names: VecDeque::new() };
        self.routes.insert(peer, route);
    }

    /// A connection has ended.
    pub fn close(&mut self, peer: PeerId) {
        let Some(route) = self.routes.remove(&peer) else {
            return;
        };
        for address in route.addresses {
            self.let_go(peer, address);
        }
        for name in route.names {
            self.names.remove(&name);
        }
        self.checked.retain(|_, owner| *owner != peer);
    }

    /// All connections of a room have ended.
    pub fn close_room(&mut self, room: RoomId) {
        let peers: Vec<PeerId> = self
            .routes
            .iter()
            .filter(|(_, route)| route.room == room)
            .map(|(peer, _)| *peer)
            .collect();
        for peer in peers {
            self.close(peer);
        }
    }

    /// The room of a connection.
    pub fn room(&self, peer: PeerId) -> Option<RoomId> {
        self.routes.get(&peer).map(|route| route.room)
    }

    /// Connections now.
    pub(super) fn len(&self) -> usize {
        self.routes.len()
    }

    /// A connection is reached under an ICE name.
    pub fn name(&mut self, peer: PeerId, name: String) {
        let Some(route) = self.routes.get_mut(&peer) else {
            return;
        };
        route.names.push_back(name.clone());
        if route.names.len() > NAMES_PER_PEER
            && let Some(old) = route.names.pop_front()
        {
            self.names.remove(&old);
        }
        self.names.insert(name, peer);
    }

    /// An address has proved that it is this connection's.
    pub fn bind(&mut self, peer: PeerId, address: Endpoint, path: Path) {
        let Some(route) = self.routes.get_mut(&peer) else {
            return;
        };
        let before = self.addresses.insert(address, (peer, path));
        if before.is_some_and(|(owner, _)| owner == peer) {
            return;
        }
        route.addresses.push_back(address);
        if route.addresses.len() > ADDRESSES_PER_PEER
            && let Some(old) = route.addresses.pop_front()
        {
            self.let_go(peer, old);
        }
    }

    fn let_go(&mut self, peer: PeerId, address: Endpoint) {
        if let Entry::Occupied(entry) = self.addresses.entry(address)
            && entry.get().0 == peer
            && let (_, Path::Stream { connection, .. }) = entry.remove()
        {
            self.released.push(connection);
        }
    }

    /// TCP connections that lead to nobody any more.
    pub fn released(&mut self) -> impl Iterator<Item = usize> + '_ {
        self.released.drain(..)
    }

    /// How to reach an address; None when it has not proved itself.
    pub fn path(&self, address: Endpoint) -> Option<Path> {
        self.addresses.get(&address).map(|(_, path)| *path)
    }

    /// A check of ours goes to this address.
    pub fn note_check(&mut self, peer: PeerId, address: Endpoint) {
        if self.checked.len() < NOTED_ADDRESSES || self.checked.contains_key(&address) {
            self.checked.insert(address, peer);
        }
    }

    /// Another thread owns this address.
    pub fn note_elsewhere(&mut self, address: Endpoint, shard: usize) {
        if self.elsewhere.len() >= NOTED_ADDRESSES {
            // They are learnt again by the next check of each.
            self.elsewhere.clear();
        }
        self.elsewhere.insert(address, shard);
    }

    /// Whose datagram this is.
    pub fn owner(&self, from: Endpoint, bytes: &[u8]) -> Owner {
        let here = |peer: PeerId| match self.room(peer) {
            Some(room) => Owner::Here(room, peer),
            None => Owner::Nobody,
        };
        let is_stun = bytes.first().is_some_and(|first| *first < 4);
        if is_stun {
            let Ok(message) = StunMessage::parse(bytes) else {
                return Owner::Nobody;
            };
            if message.is_binding_request() {
                // An address may change hands: the name counts.
                let name = message.split_username().map(|(ours, _)| ours);
                return match name.and_then(|name| self.names.get(name)) {
                    Some(peer) => here(*peer),
                    None => self.elsewhere.get(&from).map_or(Owner::Ask, |s| Owner::There(*s)),
                };
            }
        }
        if let Some((peer, _)) = self.addresses.get(&from) {
            return here(*peer);
        }
        if let Some(shard) = self.elsewhere.get(&from) {
            return Owner::There(*shard);
        }
        match self.checked.get(&from) {
            Some(peer) if is_stun => here(*peer),
            _ => Owner::Nobody,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId(1);
    const ANN: PeerId = PeerId(2);
    const BOB: PeerId = PeerId(3);
    const PATH: Path = Path::Datagrams { port: 0, local: None };
    const RTP: &[u8] = &[0x80, 111, 0, 1];

    fn address(port: u16) -> Endpoint {
        Endpoint::udp(([192, 0, 2, 1], port).into())
    }

    #[test]
    fn media_is_taken_only_from_an_address_that_proved_itself() {
        let mut demux = Demux::default();
        demux.open(ROOM, ANN);
        assert_eq!(demux.owner(address(1), RTP), Owner::Nobody);
        demux.note_check(ANN, address(1));
        assert_eq!(demux.owner(address(1), RTP), Owner::Nobody, "checked is not proved");
        demux.bind(ANN, address(1), PATH);
        assert_eq!(demux.owner(address(1), RTP), Owner::Here(ROOM, ANN));
        demux.close(ANN);
        assert_eq!(demux.owner(address(1), RTP), Owner::Nobody);
    }

    #[test]
    fn an_address_may_change_hands_and_the_old_owner_takes_nothing_with_it() {
        let mut demux = Demux::default();
        demux.open(ROOM, ANN);
        demux.open(ROOM, BOB);
        demux.bind(ANN, address(1), PATH);
        demux.bind(BOB, address(1), PATH);
        demux.close(ANN);
        assert_eq!(demux.owner(address(1), RTP), Owner::Here(ROOM, BOB));
    }

    #[test]
    fn the_tables_of_a_connection_stay_small() {
        let mut demux = Demux::default();
        demux.open(ROOM, ANN);
        for port in 1..1_000 {
            demux.bind(ANN, address(port), PATH);
            demux.name(ANN, format!("name{port}"));
        }
        assert_eq!(demux.addresses.len(), ADDRESSES_PER_PEER);
        assert_eq!(demux.names.len(), NAMES_PER_PEER);
        assert_eq!(demux.path(address(999)), Some(PATH));
        demux.close_room(ROOM);
        assert!(demux.addresses.is_empty() && demux.names.is_empty() && demux.len() == 0);
    }

    #[test]
    fn connections_of_who_is_gone_or_has_too_many_are_given_back() {
        let mut demux = Demux::default();
        demux.open(ROOM, ANN);
        let stream = |number: u16| {
            let remote = Endpoint::tcp(([192, 0, 2, 1], number).into());
            let (connection, local) = (usize::from(number), IpAddr::from([192, 0, 2, 9]));
            (remote, Path::Stream { connection, local })
        };
        for number in 0..=ADDRESSES_PER_PEER as u16 {
            let (remote, path) = stream(number);
            demux.bind(ANN, remote, path);
        }
        assert_eq!(demux.released().collect::<Vec<_>>(), [0]);
        demux.bind(ANN, address(3), PATH);
        assert_eq!(demux.released().collect::<Vec<_>>(), [1]);
        assert_eq!(demux.owner(stream(3).0, RTP), Owner::Here(ROOM, ANN));
        demux.close(ANN);
        assert_eq!(demux.released().count(), ADDRESSES_PER_PEER - 1, "and the one of UDP");
    }
}
