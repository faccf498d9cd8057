//! Whose datagram it is.
//!
//! An address is believed only after an ICE check from it that proves knowledge of the password;
//! DTLS, RTP and the rest are taken from such addresses alone.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use str0m::ice::StunMessage;

use crate::ids::{IdMap, PeerId, RoomId};

/// A client has a few paths; more addresses than this are those of the past.
const ADDRESSES_PER_PEER: usize = 16;
/// The name before an ICE restart is valid until the restart is done.
const NAMES_PER_PEER: usize = 2;
/// Addresses of other threads' clients that land here, and addresses that are being checked.
const NOTED_ADDRESSES: usize = 8_192;

/// How to reach an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// The socket that hears it.
    pub port: usize,
    /// The address of ours that it sends to.
    pub local: Option<IpAddr>,
}

#[derive(Debug)]
struct Route {
    room: RoomId,
    addresses: VecDeque<SocketAddr>,
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
    addresses: HashMap<SocketAddr, (PeerId, Path)>,
    names: HashMap<String, PeerId>,
    /// Where our own checks went: the answers to them come from there.
    checked: HashMap<SocketAddr, PeerId>,
    elsewhere: HashMap<SocketAddr, usize>,
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
            if self.addresses.get(&address).is_some_and(|(owner, _)| *owner == peer) {
                self.addresses.remove(&address);
            }
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
    pub fn bind(&mut self, peer: PeerId, address: SocketAddr, path: Path) {
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
            && self.addresses.get(&old).is_some_and(|(owner, _)| *owner == peer)
        {
            self.addresses.remove(&old);
        }
    }

    /// How to reach an address; None when it has not proved itself.
    pub fn path(&self, address: SocketAddr) -> Option<Path> {
        self.addresses.get(&address).map(|(_, path)| *path)
    }

    /// A check of ours goes to this address.
    pub fn note_check(&mut self, peer: PeerId, address: SocketAddr) {
        if self.checked.len() < NOTED_ADDRESSES || self.checked.contains_key(&address) {
            self.checked.insert(address, peer);
        }
    }

    /// Another thread owns this address.
    pub fn note_elsewhere(&mut self, address: SocketAddr, shard: usize) {
        if self.elsewhere.len() >= NOTED_ADDRESSES {
            // They are learnt again by the next check of each.
            self.elsewhere.clear();
        }
        self.elsewhere.insert(address, shard);
    }

    /// Whose datagram this is.
    pub fn owner(&self, from: SocketAddr, bytes: &[u8]) -> Owner {
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
    const PATH: Path = Path { port: 0, local: None };
    const RTP: &[u8] = &[0x80, 111, 0, 1];

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
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
}
