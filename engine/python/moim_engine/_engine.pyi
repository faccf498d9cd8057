"""The forwarding engine's boundary: coarse calls in, events out.

Each method puts one command on a bounded queue and returns at once; nothing waits for a media
thread. What comes of it is an event: wait until `Engine.fileno()` is readable, then call `drain()`.
Ids are opaque integers that the engine makes: those of rooms, participants, peers and tracks are
never used twice in one engine. A command about an id that is gone is ignored, since its end may be
an event that was not drained yet; one that awaits an answer is then answered by `Refused`.

`Raises:` QueueFull when a media thread lags 4,096 commands behind; EngineClosed after `close()`.

A *room* holds *participants*. A participant holds one or two *peers*: connections to its client.
A publisher's *track* is forwarded to the peers that are subscribed to it.

The engine's SDP is str0m's own. The caller rewrites it on its way to the client (msid, direction,
order of codecs), and hands the client's SDP over untouched.
"""

import socket
from collections.abc import Sequence
from typing import Literal, TypeAlias, final

__version__: str

class EngineError(Exception): ...

class QueueFull(EngineError):
    """A media thread lags behind; try again, or shed load."""

class EngineClosed(EngineError): ...

class BindError(EngineError):
    """An address could not be bound; the message names it."""

_PeerMode: TypeAlias = Literal["publisher", "subscriber", "single"]
_Kind: TypeAlias = Literal["audio", "video"]
Event: TypeAlias = (
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

@final
class Engine:
    """Media threads, their sockets and the queues to and from them.

    bind: addresses and ports to receive on; port 0 lets the system choose one (see `bound`).
    Left out: any IPv4 address, any port.
    advertise: the IP addresses to name in candidates, where they differ from those bound (0.0.0.0,
    or a public address in front of this host). Each is paired with the port of the first bound
    socket of its family.
    tcp: addresses and ports on which clients that have no UDP may connect (RFC 6544, RFC 4571);
    none by default. Port 0 is the number of the UDP socket of its family, or any other where that
    is taken.
    threads: media threads; rooms are spread over them. Each has its own socket where the system
    spreads datagrams over sockets of one port (Linux), elsewhere they share one.

    Dropping the object closes it.

    Raises: BindError, ValueError.
    """

    def __init__(
        self,
        *,
        bind: Sequence[tuple[str, int]] = ...,
        advertise: Sequence[str] = (),
        tcp: Sequence[tuple[str, int]] = (),
        threads: int = 1,
    ) -> None: ...
    @property
    def bound(self) -> list[tuple[str, int]]:
        """The addresses bound, with the ports that the system chose."""
    @property
    def candidates(self) -> list[tuple[str, int]]:
        """The UDP addresses advertised to clients; they are in each SDP of the engine's too."""
    @property
    def tcp_candidates(self) -> list[tuple[str, int]]:
        """Those of them that are reached by TCP; `candidates` has those of UDP."""
    def fileno(self) -> int:
        """Readable while events wait: for `loop.add_reader`."""
    @property
    def wake(self) -> socket.socket:
        """The same socket as an object, non-blocking, for `loop.sock_recv` (Windows' loop)."""
    def drain(self, limit: int = 1024) -> list[Event]:
        """The oldest events, at most `limit`; `fileno()` stays readable while more wait."""
    def close(self) -> None:
        """Ends the threads and closes the sockets; waits for the threads (some milliseconds)."""

    # Rooms and who is in them
    def open_room(self) -> int: ...
    def close_room(self, room: int) -> None:
        """Ends all in it, without further events of it."""
    def open_participant(
        self,
        room: int,
        *,
        identity: str,
        sid: str,
        can_publish_data: bool = True,
        can_subscribe: bool = True,
        hidden: bool = False,
    ) -> int:
        """A seat: data messages are stamped with its identity and sid (blank when hidden).

        From now on reliable data for it is kept until its channel opens. `can_subscribe` false:
        data goes out over the channels of its publisher peer.
        """
    def update_participant(
        self,
        participant: int,
        *,
        can_publish_data: bool,
        can_subscribe: bool,
        hidden: bool,
    ) -> None: ...
    def close_participant(self, participant: int) -> None:
        """Closes its peers and ends its tracks."""
    def last_sequence(self, participant: int) -> int:
        """The number of its last reliable data packet that was forwarded; 0 before the first.

        A client that resumes sends again what has a higher one.
        """

    # Connections
    def open_peer(
        self,
        participant: int,
        mode: _PeerMode,
        *,
        ice_lite: bool = True,
        codecs: Sequence[str] = ("opus", "vp8", "h264", "vp9", "av1"),
        rtx: bool = True,
    ) -> int:
        """One connection to the participant's client. Cheap: it is made when its first SDP comes.

        publisher: the client offers and sends; subscriber: the engine offers and sends; single:
        the client offers, both send. codecs: what may be negotiated (lower case).
        rtx false: lost packets come and go under the main SSRC (the Go SDK).
        """
    def close_peer(self, peer: int) -> None: ...
    def accept_offer(self, peer: int, request: int, sdp: str) -> None:
        """Modes publisher and single. Answered by `Answered` or `Refused`.

        The answer's direction is the mirror of the offer's, with an SSRC for each line that the
        engine may send on. An offer with new ICE credentials restarts ICE.
        """
    def create_offer(self, peer: int, request: int, *, ice_restart: bool = False) -> None:
        """Mode subscriber. Answered by `Offered` or `Refused`. An offer that is still unanswered is
        void: the new one has its changes too.

        Takes in all `subscribe` and `unsubscribe` calls since the last one. The first offer also
        opens the data channels `_reliable`, `_lossy` and `_data_track`.
        """
    def accept_answer(self, peer: int, request: int, sdp: str) -> None:
        """The client's answer to the offer of that request: `AnswerAccepted` or `Refused`."""
    def add_ice_candidate(self, peer: int, candidate: str) -> None:
        """A `candidate:...` line of the client; kept until the description comes. Others than
        UDP and those by an mDNS name are ignored: the client's checks reveal its address."""

    # Tracks
    def publish(self, peer: int, mid: str, kind: _Kind) -> int:
        """The track that the client sends in this m-line; may be called before its offer.

        With simulcast, the rids q, h, f (or 2, 1, 0) are the layers 0, 1, 2; other rids rise in
        the order of the offer. A single layer is layer 0.
        """
    def unpublish(self, track: int) -> None:
        """Ends the track and its subscriptions, without events."""
    def subscribe(self, peer: int, track: int, *, mid: str | None = None) -> None:
        """Forward a track of the room to a peer of mode subscriber or single.

        Mode subscriber, mid None: the next offer takes an idle m-line of the kind, or a new one.
        Mode single: the caller names the line of the client, when it is in an accepted offer
        (else `Refused` with request 0). The layer is the highest until `set_layer`.
        """
    def unsubscribe(self, peer: int, track: int) -> None:
        """Stops at once; the m-line is idle from the next offer on."""
    def set_layer(
        self,
        peer: int,
        track: int,
        *,
        layer: int,
        enabled: bool = True,
    ) -> None:
        """The highest layer wanted (0..2). Switches up at a key frame, which is asked for.

        A layer that does not arrive is replaced by the next lower that does. enabled false:
        nothing is forwarded until it is true again.
        """
    def request_key_frame(self, track: int, *, layer: int | None = None) -> None:
        """Of one layer or of all; at most one request in 500 ms reaches the client for each."""

    # Data
    def send_data(
        self,
        room: int,
        packet: bytes,
        *,
        reliable: bool,
        to: Sequence[int] | None = None,
    ) -> None:
        """A serialised `DataPacket` of the server's, sent as it is to all or to participants."""
    def intercept(self, room: int, identity: str, on: bool = True) -> None:
        """Data addressed to this identity (nobody's in the room) comes back as `DataReceived`."""
    def stats(self, request: int) -> None:
        """Answered by one `StatsReady`, summed over the media threads."""

# What comes of the calls. All are frozen; they match by position in the order shown.

@final
class Answered:
    """The answer to `accept_offer`."""

    __match_args__ = ("peer", "request", "sdp")
    peer: int
    request: int
    sdp: str

@final
class Offered:
    """tracks: (mid, track) of each m-line that carries a track. All other media lines are idle:
    the caller writes them `inactive`, without msid and ssrc."""

    __match_args__ = ("peer", "request", "sdp", "tracks")
    peer: int
    request: int
    sdp: str
    tracks: list[tuple[str, int]]

@final
class AnswerAccepted:
    """rejected: tracks whose codecs the client does not know; their subscription ended."""

    __match_args__ = ("peer", "request", "rejected")
    peer: int
    request: int
    rejected: list[int]

@final
class Refused:
    """reason: one of `gone`, `sdp` (cannot be parsed or does not fit), `state` (not now, or not
    in this mode), `unchanged` (an offer would say nothing new), `closed` (the connection has
    ended); detail: for the log at level debug, it may quote the SDP."""

    __match_args__ = ("peer", "request", "reason", "detail")
    peer: int
    request: int
    reason: Literal["gone", "sdp", "state", "unchanged", "closed"]
    detail: str

@final
class NegotiationNeeded:
    """Mode subscriber: tracks were subscribed or ended since the last offer. Told once until the
    next `create_offer`."""

    __match_args__ = ("peer",)
    peer: int

@final
class PeerState:
    """connected: ICE and DTLS are done, again after each interruption; disconnected: the client
    has not been heard from for some seconds, it may come back; failed: it cannot, the peer is
    closed and its tracks are ended. reason of a failure: `dtls` (a handshake that did not end),
    `closed` (by the client, or its certificate is not the one of its SDP), `internal`. A client
    that never comes is no failure: close its peer when it took too long."""

    __match_args__ = ("peer", "state", "reason")
    peer: int
    state: Literal["connected", "disconnected", "failed"]
    reason: str

@final
class ChannelOpened:
    __match_args__ = ("peer", "label")
    peer: int
    label: str

@final
class MediaStarted:
    """The first packet of a track. mime: such as `video/vp8`."""

    __match_args__ = ("track", "mime")
    track: int
    mime: str

@final
class LayersChanged:
    """The layers that arrive now, rising; empty when the publisher went silent or is muted."""

    __match_args__ = ("track", "layers")
    track: int
    layers: list[int]

@final
class Forwarding:
    """What a subscriber gets of a track: told at the first packet and after each switch.
    layer None: paused, by `set_layer` or because no layer arrives. congested: lower than wanted
    because packets were lost on the way to the subscriber."""

    __match_args__ = ("peer", "track", "layer", "congested")
    peer: int
    track: int
    layer: int | None
    congested: bool

@final
class Speakers:
    """Who speaks, loudest first: (participant, track, level 0..1). Told at changes, at most each
    400 ms; who is no longer in the list went silent."""

    __match_args__ = ("room", "speakers")
    room: int
    speakers: list[tuple[int, int, float]]

@final
class DataReceived:
    """Data for the server: addressed to an intercepted identity (a stamped `DataPacket`)."""

    __match_args__ = ("participant", "reliable", "packet")
    participant: int
    reliable: bool
    packet: bytes

@final
class DataOverflow:
    """A reader of reliable data lags by more than the bound (4 MiB): what waited for it is
    dropped, and nothing reliable is sent to it any more. It must connect anew."""

    __match_args__ = ("participant",)
    participant: int

@final
class PeerQuality:
    """Each 2 s for a connected peer with media. loss in 0..1; up: from the client, down: to it.
    None: nothing measured."""

    __match_args__ = ("peer", "loss_up", "loss_down", "rtt_ms")
    peer: int
    loss_up: float | None
    loss_down: float | None
    rtt_ms: float | None

@final
class StatsReady:
    """Counters since the start, and gauges: `rooms`, `peers`, `tracks`, `subscriptions`,
    `datagrams_in`, `datagrams_out`, `bytes_in`, `bytes_out`, `packets_in`, `packets_forwarded`,
    `key_frame_requests`, `datagrams_dropped`, `data_in`, `data_out`, `data_dropped`."""

    __match_args__ = ("request", "counters")
    request: int
    counters: dict[str, int]

@final
class RoomFailed:
    """A bug: the room is closed, and all in it. Other rooms go on. reason: for the log."""

    __match_args__ = ("room", "reason")
    room: int
    reason: str
