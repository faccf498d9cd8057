"""What every room and connection is made with: configuration, ports, and who is behind a number.

The engine speaks of peers, tracks and rooms by number; `Directory` finds whom it means. An entry
goes when its owner goes, so an event that comes late finds nobody and is dropped.
"""

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from livekit.protocol.models import ServerInfo

from moim.sfu import events
from moim.sfu.config import SfuConfig
from moim.sfu.ids import Ids
from moim.sfu.ports import Clock, Engine, Hooks, Relays, no_relays
from moim.sfu.tokens import Keys

if TYPE_CHECKING:
    from moim.sfu.participant import Participant
    from moim.sfu.room import Room
    from moim.sfu.tracks import PublishedTrack

# What LiveKit's protocol calls 17: clients choose their messages by it.
PROTOCOL: Final = 17
# Clients compare it with the versions of LiveKit's server that have what they need.
SERVER_VERSION: Final = "1.13.5"

PeerEvent = (
    events.Answered
    | events.Offered
    | events.AnswerAccepted
    | events.Refused
    | events.NegotiationNeeded
    | events.PeerState
)


class Peer(Protocol):
    """One peer connection of a participant."""

    @property
    def participant(self) -> "Participant": ...
    def handle(self, event: PeerEvent) -> None: ...


@dataclass
class Directory:
    """Who is behind the engine's numbers."""

    rooms: "dict[int, Room]" = field(default_factory=dict)
    participants: "dict[int, Participant]" = field(default_factory=dict)
    peers: dict[int, Peer] = field(default_factory=dict)
    tracks: "dict[int, PublishedTrack]" = field(default_factory=dict)


@dataclass
class World:
    config: SfuConfig
    engine: Engine
    clock: Clock
    hooks: Hooks
    keys: Keys
    ids: Ids = field(default_factory=Ids)
    relays: Relays = no_relays
    directory: Directory = field(default_factory=Directory)
    requests: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def server_info(self) -> ServerInfo:
        return ServerInfo(
            edition=ServerInfo.Standard,
            version=SERVER_VERSION,
            protocol=PROTOCOL,
            region=self.config.region,
            node_id="ND_moim",
        )

    @property
    def enabled_codecs(self) -> frozenset[str]:
        """The codecs of the configuration, named as in SDP: `vp8`."""
        return frozenset(
            codec.mime.lower().partition("/")[2] for codec in self.config.room.enabled_codecs
        )

    def now_ms(self) -> int:
        return int(self.clock.wall_s() * 1000)
