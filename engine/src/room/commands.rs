//! What a room is told to do.

use std::time::Instant;

use str0m::media::{MediaKind, Mid};

use super::{Build, Effects, Participant, Room, Track};
use crate::command::{Command, PeerMode};
use crate::event::{Event, PeerState, Refusal};
use crate::ids::{ParticipantId, PeerId, TrackId};
use crate::peer::{Downlink, Peer, Phase, TOP_LAYER, Uplink};

impl Room {
    /// Does one command. What it causes at connections is done by `settle`.
    pub fn command(&mut self, now: Instant, command: Command, effects: &mut Effects) {
        if let Some((peer, request)) = command.awaits() {
            self.describe(now, peer, request, command, effects);
            return;
        }
        match command {
            Command::OpenParticipant { participant, identity, sid, rights, last_sequence } => {
                let seat = Participant::new(identity, sid, rights, last_sequence);
                self.participants.insert(participant, seat);
            }
            Command::UpdateParticipant { participant, rights } => {
                if let Some(participant) = self.participants.get_mut(&participant) {
                    participant.rights = rights;
                }
            }
            Command::CloseParticipant { participant } => {
                self.close_participant(now, participant, effects);
            }
            Command::OpenPeer { participant, peer, options } => {
                if let Some(owner) = self.participants.get_mut(&participant) {
                    owner.peers.push(peer);
                    self.peers.insert(peer, Peer::new(peer, participant, options));
                }
            }
            Command::ClosePeer { peer } => self.close_peer(now, peer, effects),
            Command::AddIceCandidate { peer, candidate } => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.add_ice_candidate(&candidate);
                }
            }
            Command::Publish { peer, mid, kind, track } => self.publish(peer, &mid, kind, track),
            Command::Unpublish { track } => self.unpublish(now, track, effects),
            Command::Subscribe { peer, track, mid } => self.subscribe(peer, track, mid, effects),
            Command::Unsubscribe { peer, track } => self.unsubscribe(peer, track, effects),
            Command::SetLayer { peer, track, layer, enabled } => {
                self.set_layer(peer, track, (layer, enabled), effects);
            }
            Command::RequestKeyFrame { track, layer } => {
                for layer in layer.map_or(0..=TOP_LAYER, |layer| layer..=layer) {
                    self.request_key_frame(now, track, layer);
                }
            }
            Command::SendData(data) => self.send_data(data, effects),
            Command::Intercept { identity, on } => {
                if on {
                    self.intercepted.insert(identity);
                } else {
                    self.intercepted.remove(&identity);
                }
            }
            Command::AcceptOffer { .. }
            | Command::CreateOffer { .. }
            | Command::AcceptAnswer { .. } => {}
            #[cfg(test)]
            Command::Panic => panic!("asked to"),
        }
    }

    /// Offers and answers: they wait until the connection is made, and always get an answer.
    fn describe(
        &mut self,
        now: Instant,
        peer_id: PeerId,
        request: u64,
        command: Command,
        effects: &mut Effects,
    ) {
        let refuse = |reason, detail: &str| Event::Refused {
            peer: peer_id,
            request,
            reason,
            detail: detail.to_owned(),
        };
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            effects.events.push(refuse(Refusal::Gone, "no such connection"));
            return;
        };
        match peer.phase {
            Phase::Ended => {
                effects.events.push(refuse(Refusal::Closed, "the connection has ended"))
            }
            Phase::Fresh => {
                peer.phase = Phase::Building;
                peer.waiting.push(command);
                effects.builds.push(Build { peer: peer_id, options: peer.options.clone() });
            }
            Phase::Building => peer.waiting.push(command),
            Phase::Live => {
                let event = negotiate(peer, command)
                    .unwrap_or_else(|error| refuse(error.refusal(), &error.to_string()));
                if let Event::AnswerAccepted { rejected, .. } = &event {
                    for track in rejected {
                        if let Some(track) = self.tracks.get_mut(track) {
                            track.subscribers.retain(|subscriber| *subscriber != peer_id);
                        }
                    }
                }
                effects.events.push(event);
                if let Some(failure) = peer.failure() {
                    let state = PeerState::Failed(failure);
                    effects.events.push(Event::PeerState { peer: peer_id, state });
                    self.remove_peer(now, peer_id, effects);
                    return;
                }
                self.after(peer_id, effects);
                self.choose_all(peer_id);
            }
        }
        // The checks may come before this returns to the caller: time is let pass at once.
        self.settle(now, effects);
    }

    fn choose_all(&mut self, peer_id: PeerId) {
        let Some(peer) = self.peers.get(&peer_id) else {
            return;
        };
        let tracks: Vec<TrackId> = peer.downlinks.keys().copied().collect();
        for track in tracks {
            self.choose(peer_id, track);
        }
    }

    fn publish(&mut self, peer_id: PeerId, mid: &str, kind: MediaKind, track_id: TrackId) {
        let Some(peer) = self.peers.get_mut(&peer_id) else {
            return;
        };
        let mid = Mid::from(mid);
        peer.uplinks.retain(|uplink| uplink.mid != mid);
        peer.uplinks.push(Uplink { mid, track: track_id });
        self.tracks.insert(track_id, Track::new(peer_id, peer.participant, kind));
    }

    fn unpublish(&mut self, now: Instant, track_id: TrackId, effects: &mut Effects) {
        let Some(track) = self.tracks.remove(&track_id) else {
            return;
        };
        self.speakers.forget(now, track_id);
        if let Some(publisher) = self.peers.get_mut(&track.peer) {
            publisher.forget_sources(track_id);
        }
        for subscriber in track.subscribers {
            if let Some(peer) = self.peers.get_mut(&subscriber) {
                peer.unsubscribe(track_id);
            }
            self.after(subscriber, effects);
        }
    }

    fn subscribe(
        &mut self,
        peer_id: PeerId,
        track_id: TrackId,
        mid: Option<String>,
        effects: &mut Effects,
    ) {
        let (Some(peer), Some(track)) =
            (self.peers.get_mut(&peer_id), self.tracks.get_mut(&track_id))
        else {
            return;
        };
        let fits = match peer.options.mode {
            PeerMode::Publisher => false,
            PeerMode::Subscriber => mid.is_none(),
            PeerMode::Single => mid.is_some(),
        };
        if !fits || peer.downlinks.contains_key(&track_id) {
            return;
        }
        let mid = mid.map(|mid| Mid::from(mid.as_str()));
        if let Some(mid) = mid {
            peer.prepare_line(mid);
        }
        peer.downlinks.insert(track_id, Downlink::new(track_id, track.kind, mid));
        track.subscribers.push(peer_id);
        self.after(peer_id, effects);
    }

    fn unsubscribe(&mut self, peer_id: PeerId, track_id: TrackId, effects: &mut Effects) {
        if let Some(track) = self.tracks.get_mut(&track_id) {
            track.subscribers.retain(|subscriber| *subscriber != peer_id);
        }
        if self.peers.get_mut(&peer_id).is_some_and(|peer| peer.unsubscribe(track_id)) {
            self.after(peer_id, effects);
        }
    }

    fn set_layer(
        &mut self,
        peer_id: PeerId,
        track_id: TrackId,
        (layer, enabled): (u8, bool),
        effects: &mut Effects,
    ) {
        let link = self.peers.get_mut(&peer_id).and_then(|p| p.downlinks.get_mut(&track_id));
        let Some(link) = link else {
            return;
        };
        link.wanted = layer.min(TOP_LAYER);
        if link.enabled && !enabled {
            link.pause();
        }
        link.enabled = enabled;
        self.choose(peer_id, track_id);
        self.tell_forwarding(track_id, effects);
    }

    fn close_participant(
        &mut self,
        now: Instant,
        participant: ParticipantId,
        effects: &mut Effects,
    ) {
        let Some(participant) = self.participants.remove(&participant) else {
            return;
        };
        for peer in participant.peers {
            self.close_peer(now, peer, effects);
        }
    }

    fn close_peer(&mut self, now: Instant, peer_id: PeerId, effects: &mut Effects) {
        if let Some(peer) = self.peers.get_mut(&peer_id) {
            peer.close(&mut effects.datagrams);
        }
        self.remove_peer(now, peer_id, effects);
    }

    /// Everything that came from or went to a connection ends.
    pub(super) fn remove_peer(&mut self, now: Instant, peer_id: PeerId, effects: &mut Effects) {
        let Some(peer) = self.peers.remove(&peer_id) else {
            return;
        };
        for command in &peer.waiting {
            if let Some((peer, request)) = command.awaits() {
                let detail = "the connection was closed".to_owned();
                let reason = Refusal::Closed;
                effects.events.push(Event::Refused { peer, request, reason, detail });
            }
        }
        if let Some(owner) = self.participants.get_mut(&peer.participant) {
            owner.peers.retain(|id| *id != peer_id);
        }
        for track in peer.downlinks.keys() {
            if let Some(track) = self.tracks.get_mut(track) {
                track.subscribers.retain(|subscriber| *subscriber != peer_id);
            }
        }
        let published: Vec<TrackId> = peer.uplinks.iter().map(|uplink| uplink.track).collect();
        for track in published {
            self.unpublish(now, track, effects);
        }
        effects.closed.push(peer_id);
    }

    /// Closes all connections.
    pub fn close(&mut self, now: Instant, effects: &mut Effects) {
        let peers: Vec<PeerId> = self.peer_ids().collect();
        for peer in peers {
            self.close_peer(now, peer, effects);
        }
    }
}

fn negotiate(peer: &mut Peer, command: Command) -> Result<Event, crate::peer::NegotiationError> {
    let id = peer.id;
    Ok(match command {
        Command::CreateOffer { request, ice_restart, .. } => {
            let offer = peer.create_offer(request, ice_restart)?;
            Event::Offered { peer: id, request, sdp: offer.sdp, tracks: offer.tracks }
        }
        Command::AcceptAnswer { request, sdp, .. } => {
            let rejected = peer.accept_answer(request, &sdp)?;
            Event::AnswerAccepted { peer: id, request, rejected }
        }
        Command::AcceptOffer { request, sdp, .. } => {
            Event::Answered { peer: id, request, sdp: peer.accept_offer(&sdp)? }
        }
        _ => return Err(crate::peer::NegotiationError::State("no description")),
    })
}
