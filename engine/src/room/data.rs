//! Data messages through a room: stamped, filtered, never echoed, bounded for each reader.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Effects, Participant, Room};
use crate::command::{PeerMode, ServerData};
use crate::data_packet::{Sender, Stamped, stamp, wrap_user};
use crate::event::Event;
use crate::ids::{IdMap, ParticipantId, PeerId};
use crate::peer::{DATA_TRACK, LOSSY, Peer, RELIABLE, Written};
use crate::room::participant::Queued;

impl Room {
    /// A client's message.
    pub(super) fn on_data(
        &mut self,
        from: PeerId,
        label: &str,
        bytes: &[u8],
        effects: &mut Effects,
    ) {
        let Some(sender_id) = self.peers.get(&from).map(|peer| peer.participant) else {
            return;
        };
        let Some(sender) = self.participants.get_mut(&sender_id) else {
            return;
        };
        effects.counters.data_in += 1;
        if !sender.rights.can_publish_data || label == DATA_TRACK {
            effects.counters.data_dropped += 1;
            return;
        }
        let known = label == RELIABLE || label == LOSSY;
        let reliable = label != LOSSY;
        let from = match sender.rights.hidden {
            true => Sender { identity: "", sid: "" },
            false => Sender { identity: &sender.identity, sid: &sender.sid },
        };
        let stamped = if known {
            stamp(bytes, from, reliable)
        } else {
            stamp(&wrap_user(bytes, from), from, reliable)
        };
        let Ok(stamped) = stamped else {
            effects.counters.data_dropped += 1;
            return;
        };
        if reliable && stamped.sequence > 0 {
            // Only this thread writes it; others read it now and then.
            if stamped.sequence <= sender.last_sequence.load(Ordering::Relaxed) {
                return;
            }
            sender.last_sequence.store(stamped.sequence, Ordering::Relaxed);
        }
        self.route(sender_id, reliable, stamped, effects);
    }

    fn route(
        &mut self,
        sender: ParticipantId,
        reliable: bool,
        stamped: Stamped,
        effects: &mut Effects,
    ) {
        let to_all = stamped.identities.is_empty() && stamped.sids.is_empty();
        if stamped.identities.iter().any(|identity| self.intercepted.contains(identity)) {
            effects.events.push(Event::DataReceived {
                participant: sender,
                reliable,
                packet: stamped.bytes.clone(),
            });
        }
        let message: Arc<[u8]> = stamped.bytes.into();
        for (id, participant) in &mut self.participants {
            let named = stamped.identities.contains(&participant.identity)
                || stamped.sids.contains(&participant.sid);
            if *id != sender && (to_all || named) {
                deliver(*id, participant, &mut self.peers, reliable, &message, effects);
            }
        }
    }

    /// A message of the server's.
    pub(super) fn send_data(&mut self, data: ServerData, effects: &mut Effects) {
        let message: Arc<[u8]> = data.packet.into();
        for (id, participant) in &mut self.participants {
            if data.to.as_ref().is_none_or(|to| to.contains(id)) {
                deliver(*id, participant, &mut self.peers, data.reliable, &message, effects);
            }
        }
    }

    /// A channel of this connection opened or takes data again.
    pub(super) fn flush_data(&mut self, peer: PeerId, effects: &mut Effects) {
        let participant = self.peers.get(&peer).map(|peer| peer.participant);
        let participant = participant.and_then(|id| self.participants.get_mut(&id));
        if let Some(participant) = participant {
            flush(participant, &mut self.peers, effects);
        }
    }
}

/// The connection over which a participant gets data.
fn outlet<'a>(
    participant: &Participant,
    peers: &'a mut IdMap<PeerId, Peer>,
) -> Option<&'a mut Peer> {
    let wanted = |mode: PeerMode| match mode {
        PeerMode::Single => true,
        PeerMode::Subscriber => participant.rights.can_subscribe,
        PeerMode::Publisher => !participant.rights.can_subscribe,
    };
    let id = participant
        .peers
        .iter()
        .find(|id| peers.get(id).is_some_and(|peer| wanted(peer.options.mode)))?;
    peers.get_mut(id)
}

fn deliver(
    id: ParticipantId,
    participant: &mut Participant,
    peers: &mut IdMap<PeerId, Peer>,
    reliable: bool,
    message: &Arc<[u8]>,
    effects: &mut Effects,
) {
    if !reliable {
        let written = outlet(participant, peers).map(|peer| peer.write_data(false, message));
        match written {
            Some(Written::Yes) => effects.counters.data_out += 1,
            _ => effects.counters.data_dropped += 1,
        }
        return;
    }
    match participant.queue(message.clone()) {
        Queued::Waits => flush(participant, peers, effects),
        Queued::Overflow => {
            effects.counters.data_dropped += 1;
            effects.events.push(Event::DataOverflow { participant: id });
        }
        Queued::Dropped => effects.counters.data_dropped += 1,
    }
}

/// Sends what waits, in order, until the channel is full.
fn flush(participant: &mut Participant, peers: &mut IdMap<PeerId, Peer>, effects: &mut Effects) {
    let Some(message) = participant.oldest() else {
        return;
    };
    let mut message = message;
    let Some(peer) = outlet(participant, peers) else {
        return;
    };
    while peer.write_data(true, &message) == Written::Yes {
        effects.counters.data_out += 1;
        participant.sent();
        match participant.oldest() {
            Some(next) => message = next,
            None => return,
        }
    }
}
