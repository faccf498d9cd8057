//! What a room has to tell.

use crate::ids::{ParticipantId, PeerId, RoomId, TrackId};

/// Why a description was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The peer, or its room, is not there any more.
    Gone,
    /// It cannot be parsed, or does not fit the session.
    Sdp,
    /// Not now, or not in this mode.
    State,
    /// An offer would say nothing new.
    Unchanged,
    /// The connection has ended.
    Closed,
}

impl Refusal {
    /// The name on the boundary.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Sdp => "sdp",
            Self::State => "state",
            Self::Unchanged => "unchanged",
            Self::Closed => "closed",
        }
    }
}

/// How a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// Packets flow.
    Connected,
    /// Not heard from for some seconds.
    Disconnected,
    /// It has ended; why.
    Failed(Failure),
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No handshake.
    Dtls,
    /// The client closed it.
    Closed,
    /// Something else in the connection's own machinery.
    Internal,
}

impl Failure {
    /// The name on the boundary.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dtls => "dtls",
            Self::Closed => "closed",
            Self::Internal => "internal",
        }
    }
}

/// One event. The fields are documented in `_engine.pyi`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Event {
    Answered { peer: PeerId, request: u64, sdp: String },
    Offered { peer: PeerId, request: u64, sdp: String, tracks: Vec<(String, TrackId)> },
    AnswerAccepted { peer: PeerId, request: u64, rejected: Vec<TrackId> },
    Refused { peer: PeerId, request: u64, reason: Refusal, detail: String },
    NegotiationNeeded { peer: PeerId },
    PeerState { peer: PeerId, state: PeerState },
    ChannelOpened { peer: PeerId, label: String },
    MediaStarted { track: TrackId, mime: &'static str },
    LayersChanged { track: TrackId, layers: Vec<u8> },
    Forwarding { peer: PeerId, track: TrackId, layer: Option<u8>, congested: bool },
    Speakers { room: RoomId, speakers: Vec<(ParticipantId, TrackId, f32)> },
    DataReceived { participant: ParticipantId, reliable: bool, packet: Vec<u8> },
    DataOverflow { participant: ParticipantId },
    PeerQuality { peer: PeerId, loss_up: Option<f32>, loss_down: Option<f32>, rtt_ms: Option<f32> },
    StatsReady { request: u64, counters: Vec<(&'static str, u64)> },
    RoomFailed { room: RoomId, reason: String },
}
