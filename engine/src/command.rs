//! What a room can be told to do.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use crate::ids::{ParticipantId, PeerId, RoomId, TrackId};
use str0m::media::MediaKind;

/// Which side of a client a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerMode {
    /// The client offers and sends.
    Publisher,
    /// The engine offers and sends.
    Subscriber,
    /// The client offers, both send.
    Single,
}

/// How a connection is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerOptions {
    /// Which side it is.
    pub mode: PeerMode,
    /// Answer checks only; the client finds the way.
    pub ice_lite: bool,
    /// Lower-case names of the codecs that may be negotiated.
    pub codecs: Vec<String>,
    /// Whether retransmissions have a stream of their own.
    pub rtx: bool,
}

/// The number of a participant's last reliable packet, which its client is told when it resumes.
pub type LastSequence = Arc<AtomicU32>;

/// A participant's rights, as far as they matter to forwarding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// May send data messages.
    pub can_publish_data: bool,
    /// Without it, data goes out over the channels that its publisher connection opened.
    pub can_subscribe: bool,
    /// Its data messages do not name it.
    pub hidden: bool,
}

/// A serialised `DataPacket` of the server's.
#[derive(Debug, Clone)]
pub struct ServerData {
    /// Sent as it is.
    pub packet: Vec<u8>,
    /// Which channel.
    pub reliable: bool,
    /// To whom; None is all.
    pub to: Option<Vec<ParticipantId>>,
}

/// One command to one room.
#[derive(Debug)]
#[allow(missing_docs)] // The fields are those of the methods in `_engine.pyi`.
pub enum Command {
    OpenParticipant {
        participant: ParticipantId,
        identity: String,
        sid: String,
        rights: Rights,
        last_sequence: LastSequence,
    },
    UpdateParticipant {
        participant: ParticipantId,
        rights: Rights,
    },
    CloseParticipant {
        participant: ParticipantId,
    },
    OpenPeer {
        participant: ParticipantId,
        peer: PeerId,
        options: PeerOptions,
    },
    ClosePeer {
        peer: PeerId,
    },
    AcceptOffer {
        peer: PeerId,
        request: u64,
        sdp: String,
    },
    CreateOffer {
        peer: PeerId,
        request: u64,
        ice_restart: bool,
    },
    AcceptAnswer {
        peer: PeerId,
        request: u64,
        sdp: String,
    },
    AddIceCandidate {
        peer: PeerId,
        candidate: String,
    },
    Publish {
        peer: PeerId,
        mid: String,
        kind: MediaKind,
        track: TrackId,
    },
    Unpublish {
        track: TrackId,
    },
    Subscribe {
        peer: PeerId,
        track: TrackId,
        mid: Option<String>,
    },
    Unsubscribe {
        peer: PeerId,
        track: TrackId,
    },
    SetLayer {
        peer: PeerId,
        track: TrackId,
        layer: u8,
        enabled: bool,
    },
    RequestKeyFrame {
        track: TrackId,
        layer: Option<u8>,
    },
    SendData(ServerData),
    Intercept {
        identity: String,
        on: bool,
    },
    #[cfg(test)]
    Panic,
}

impl Command {
    /// The peer and request that await an answer to this command.
    pub fn awaits(&self) -> Option<(PeerId, u64)> {
        match self {
            Self::AcceptOffer { peer, request, .. }
            | Self::CreateOffer { peer, request, .. }
            | Self::AcceptAnswer { peer, request, .. } => Some((*peer, *request)),
            _ => None,
        }
    }
}

/// A command and the room that it is for.
#[derive(Debug)]
pub struct Addressed {
    /// The room.
    pub room: RoomId,
    /// What it shall do.
    pub command: Command,
}
