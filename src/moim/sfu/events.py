"""What the engine tells, as plain data: the same names and fields as in `moim_engine`'s stub.

They are defined here so that the rooms and their tests need no Rust. A test compares both lists.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Answered:
    peer: int
    request: int
    sdp: str


@dataclass(frozen=True, slots=True)
class Offered:
    peer: int
    request: int
    sdp: str
    tracks: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class AnswerAccepted:
    peer: int
    request: int
    rejected: list[int]


@dataclass(frozen=True, slots=True)
class Refused:
    peer: int
    request: int
    reason: Literal["gone", "sdp", "state", "closed", "unchanged"]
    detail: str


@dataclass(frozen=True, slots=True)
class NegotiationNeeded:
    peer: int


@dataclass(frozen=True, slots=True)
class PeerState:
    peer: int
    state: Literal["connected", "disconnected", "failed"]
    reason: str


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    peer: int
    label: str


@dataclass(frozen=True, slots=True)
class MediaStarted:
    track: int
    mime: str


@dataclass(frozen=True, slots=True)
class LayersChanged:
    track: int
    layers: list[int]


@dataclass(frozen=True, slots=True)
class Forwarding:
    peer: int
    track: int
    layer: int | None
    congested: bool


@dataclass(frozen=True, slots=True)
class Speakers:
    room: int
    speakers: list[tuple[int, int, float]]


@dataclass(frozen=True, slots=True)
class DataReceived:
    participant: int
    reliable: bool
    packet: bytes


@dataclass(frozen=True, slots=True)
class DataOverflow:
    participant: int


@dataclass(frozen=True, slots=True)
class PeerQuality:
    peer: int
    loss_up: float | None
    loss_down: float | None
    rtt_ms: float | None


@dataclass(frozen=True, slots=True)
class StatsReady:
    request: int
    counters: dict[str, int]


@dataclass(frozen=True, slots=True)
class RoomFailed:
    room: int
    reason: str


EngineEvent = (
    Answered
    | Offered
    | AnswerAccepted
    | Refused
    | NegotiationNeeded
    | PeerState
    | ChannelOpened
    | MediaStarted
    | LayersChanged
    | Forwarding
    | Speakers
    | DataReceived
    | DataOverflow
    | PeerQuality
    | StatsReady
    | RoomFailed
)
