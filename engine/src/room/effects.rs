//! What a room wants done outside: datagrams sent, events told, connections made.

use std::ops::Range;

use crate::command::PeerOptions;
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::ids::PeerId;

/// One datagram of `Datagrams`.
#[derive(Debug, Clone)]
pub struct Datagram {
    /// The connection that sends it.
    pub peer: PeerId,
    /// Where to.
    pub destination: Endpoint,
    /// Where its bytes lie.
    pub range: Range<usize>,
}

/// Datagrams in the order of sending, their bytes in one buffer: neighbours of one size to one
/// destination can be handed to the kernel as they lie.
#[derive(Debug, Default)]
pub struct Datagrams {
    bytes: Vec<u8>,
    list: Vec<Datagram>,
}

impl Datagrams {
    /// Adds one at the end.
    pub fn push(&mut self, peer: PeerId, destination: Endpoint, contents: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(contents);
        self.list.push(Datagram { peer, destination, range: start..self.bytes.len() });
    }

    /// All of them.
    pub fn list(&self) -> &[Datagram] {
        &self.list
    }

    /// The bytes of a range that `list` names, or of several that touch.
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// What all ranges are of.
    pub fn all_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets them; keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.list.clear();
    }
}

/// Counters since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The names of `StatsReady`.
pub struct Counters {
    pub packets_in: u64,
    pub packets_forwarded: u64,
    pub key_frame_requests: u64,
    pub data_in: u64,
    pub data_out: u64,
    pub data_dropped: u64,
}

/// A connection to make, away from the media thread.
#[derive(Debug, Clone)]
pub struct Build {
    /// For whom.
    pub peer: PeerId,
    /// How.
    pub options: PeerOptions,
}

/// Everything that came of one or more inputs to a room.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be sent, in order.
    pub datagrams: Datagrams,
    /// To be told.
    pub events: Vec<Event>,
    /// To be made; each comes back by `Room::built`.
    pub builds: Vec<Build>,
    /// Addresses that proved by an authenticated check that they are this peer's.
    pub bound: Vec<(PeerId, Endpoint)>,
    /// ICE user names under which a peer is reached; the newest holds, and the one before it.
    pub names: Vec<(PeerId, String)>,
    /// Peers that are gone: their addresses and names lead nowhere now.
    pub closed: Vec<PeerId>,
    /// Counters of all rooms that share these effects.
    pub counters: Counters,
}
