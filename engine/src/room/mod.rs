//! A room: who forwards what to whom. No clock, no sockets: time and datagrams come in, effects
//! go out.

mod commands;
mod data;
mod effects;
mod media;
mod munger;
mod participant;
mod speakers;
mod thinning;
mod track;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use str0m::Rtc;

pub use effects::{Build, Counters, Datagram, Datagrams, Effects};
pub use munger::{Incoming, Munged, Munger};
pub use participant::{BACKLOG_BYTES, Participant};
pub use track::{KEY_FRAME_INTERVAL, Track};

use crate::command::PeerMode;
use crate::endpoint::Endpoint;
use crate::event::{Event, PeerState};
use crate::ids::{IdMap, ParticipantId, PeerId, RoomId, TrackId};
use crate::peer::{Happened, Peer};
use speakers::Speakers;

/// Effects may cause others (a key frame wanted by one is asked of another): so often at most
/// before the outside has its turn.
const ROUNDS: usize = 8;

/// One room.
#[derive(Debug)]
pub struct Room {
    id: RoomId,
    candidates: Arc<[Endpoint]>,
    participants: IdMap<ParticipantId, Participant>,
    peers: IdMap<PeerId, Peer>,
    tracks: IdMap<TrackId, Track>,
    speakers: Speakers,
    intercepted: HashSet<String>,
    happened: Vec<Happened>,
    dirty: Vec<PeerId>,
}

impl Room {
    /// An empty room; `candidates` are the addresses at which clients reach it.
    pub fn new(id: RoomId, candidates: Arc<[Endpoint]>) -> Self {
        Self {
            id,
            candidates,
            participants: IdMap::default(),
            peers: IdMap::default(),
            tracks: IdMap::default(),
            speakers: Speakers::default(),
            intercepted: HashSet::new(),
            happened: Vec::new(),
            dirty: Vec::new(),
        }
    }

    /// Its connections.
    pub fn peer_ids(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.peers.keys().copied()
    }

    /// (tracks, subscriptions) now.
    pub fn sizes(&self) -> (usize, usize) {
        (self.tracks.len(), self.tracks.values().map(|track| track.subscribers.len()).sum())
    }

    /// A connection was made that `Effects::builds` asked for.
    pub fn built(&mut self, now: Instant, peer_id: PeerId, rtc: Box<Rtc>, effects: &mut Effects) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        peer.built(rtc, &self.candidates);
        let waiting = std::mem::take(&mut peer.waiting);
        self.after(peer_id, effects);
        for command in waiting {
            self.command(now, command, effects);
        }
    }

    /// A datagram for one of its connections. What it causes at others is done by `settle`.
    pub fn datagram(
        &mut self,
        now: Instant,
        peer_id: PeerId,
        (from, to): (Endpoint, Endpoint),
        bytes: &[u8],
        effects: &mut Effects,
    ) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        if peer.receive(now, from, to, bytes) {
            effects.bound.push((peer_id, from));
        }
        let mut happened = std::mem::take(&mut self.happened);
        peer.poll(&mut effects.datagrams, &mut happened);
        self.handle(now, peer_id, &mut happened, effects);
        self.happened = happened;
    }

    /// Lets time pass: drives each connection that has something to do or is due.
    pub fn settle(&mut self, now: Instant, effects: &mut Effects) {
        let due = |peer: &Peer| peer.dirty || peer.deadline.is_some_and(|deadline| deadline <= now);
        let mut dirty = std::mem::take(&mut self.dirty);
        for _ in 0..ROUNDS {
            self.housekeeping(now, effects);
            dirty.clear();
            dirty.extend(self.peers.values().filter(|peer| due(peer)).map(|peer| peer.id));
            if dirty.is_empty() {
                break;
            }
            for peer_id in dirty.iter().copied() {
                self.drive(now, peer_id, effects);
            }
        }
        self.dirty = dirty;
    }

    fn drive(&mut self, now: Instant, peer_id: PeerId, effects: &mut Effects) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        peer.dirty = false;
        peer.deadline = None;
        let mut happened = std::mem::take(&mut self.happened);
        peer.drive(now, &mut effects.datagrams, &mut happened);
        self.handle(now, peer_id, &mut happened, effects);
        self.happened = happened;
    }

    /// When `settle` must be called next.
    pub fn deadline(&self) -> Option<Instant> {
        let peers = self.peers.values().filter_map(|peer| peer.deadline);
        let tracks = self.tracks.values().filter_map(Track::deadline);
        peers.chain(tracks).chain(self.speakers.deadline()).min()
    }

    fn housekeeping(&mut self, now: Instant, effects: &mut Effects) {
        if let Some(speakers) = self.speakers.decide(now) {
            effects.events.push(Event::Speakers { room: self.id, speakers });
        }
        for track in self.tracks.values_mut() {
            let Some(publisher) = self.peers.get_mut(&track.peer) else {
                continue;
            };
            for ssrc in track.take_due(now) {
                if publisher.request_key_frame(ssrc) {
                    effects.counters.key_frame_requests += 1;
                }
            }
        }
    }

    fn handle(
        &mut self,
        now: Instant,
        peer_id: PeerId,
        happened: &mut Vec<Happened>,
        effects: &mut Effects,
    ) {
        for one in happened.drain(..) {
            match one {
                Happened::Packet(packet) => self.on_packet(now, peer_id, &packet, effects),
                Happened::KeyFrameWanted(mid) => self.on_key_frame_wanted(now, peer_id, mid),
                Happened::Paused { ssrc, paused } => {
                    if paused {
                        self.on_paused(peer_id, ssrc, effects);
                    }
                }
                Happened::LossDown(mid, loss) => {
                    self.on_loss(now, peer_id, mid, loss, effects);
                }
                Happened::LossUp(loss) => {
                    if let Some(peer) = self.peers.get_mut(&peer_id) {
                        peer.quality.up(loss);
                    }
                }
                Happened::Report(rtt_ms) => self.on_report(peer_id, rtt_ms, effects),
                Happened::Data { label, bytes } => self.on_data(peer_id, &label, &bytes, effects),
                Happened::ChannelOpened(label) => {
                    effects.events.push(Event::ChannelOpened { peer: peer_id, label });
                    self.flush_data(peer_id, effects);
                }
                Happened::ChannelDrained => self.flush_data(peer_id, effects),
                Happened::Connected => self.tell(peer_id, PeerState::Connected, effects),
                Happened::Disconnected => self.tell(peer_id, PeerState::Disconnected, effects),
                Happened::Ended(failure) => {
                    self.tell(peer_id, PeerState::Failed(failure), effects);
                    self.remove_peer(now, peer_id, effects);
                }
            }
        }
    }

    fn tell(&mut self, peer: PeerId, state: PeerState, effects: &mut Effects) {
        effects.events.push(Event::PeerState { peer, state });
    }

    /// After each change of a connection: its ICE name, its time, the need of an offer.
    fn after(&mut self, peer_id: PeerId, effects: &mut Effects) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        peer.dirty = true;
        if let Some(name) = peer.new_ice_name() {
            effects.names.push((peer_id, name));
        }
        if peer.options.mode == PeerMode::Subscriber && peer.needs_offer() && !peer.told_negotiation
        {
            peer.told_negotiation = true;
            effects.events.push(Event::NegotiationNeeded { peer: peer_id });
        }
    }
}
