"""What the rooms need of the world, as ports: the real ones are in `engine`, `socket`, `clock` and
`webhooks`, those of the tests keep lists and move the time by hand."""

from collections.abc import Callable, Sequence
from typing import Literal, NotRequired, Protocol, TypedDict

from livekit.protocol.webhook import WebhookEvent

from moim.sfu.frames import Frame

PeerMode = Literal["publisher", "subscriber", "single"]
MediaKind = Literal["audio", "video"]


class EngineBusy(Exception):
    """The engine lags behind or is closed; who asked must come again."""


class Engine(Protocol):
    """The forwarding engine: see `moim_engine`'s stub, which documents each call and event."""

    def open_room(self) -> int: ...
    def close_room(self, room: int) -> None: ...
    def open_participant(
        self,
        room: int,
        *,
        identity: str,
        sid: str,
        can_publish_data: bool,
        can_subscribe: bool,
        hidden: bool,
    ) -> int: ...
    def update_participant(
        self, participant: int, *, can_publish_data: bool, can_subscribe: bool, hidden: bool
    ) -> None: ...
    def close_participant(self, participant: int) -> None: ...
    def last_sequence(self, participant: int) -> int: ...
    def open_peer(
        self,
        participant: int,
        mode: PeerMode,
        *,
        ice_lite: bool,
        codecs: Sequence[str],
        rtx: bool,
    ) -> int: ...
    def close_peer(self, peer: int) -> None: ...
    def accept_offer(self, peer: int, request: int, sdp: str) -> None: ...
    def create_offer(self, peer: int, request: int, *, ice_restart: bool = False) -> None: ...
    def accept_answer(self, peer: int, request: int, sdp: str) -> None: ...
    def add_ice_candidate(self, peer: int, candidate: str) -> None: ...
    def publish(self, peer: int, mid: str, kind: MediaKind) -> int: ...
    def unpublish(self, track: int) -> None: ...
    def subscribe(self, peer: int, track: int, *, mid: str | None = None) -> None: ...
    def unsubscribe(self, peer: int, track: int) -> None: ...
    def set_layer(self, peer: int, track: int, *, layer: int, enabled: bool = True) -> None: ...
    def request_key_frame(self, track: int, *, layer: int | None = None) -> None: ...
    def send_data(
        self, room: int, packet: bytes, *, reliable: bool, to: Sequence[int] | None = None
    ) -> None: ...
    def intercept(self, room: int, identity: str, on: bool = True) -> None: ...
    def stats(self, request: int) -> None: ...


class Signals(Protocol):
    """The signalling connection of one participant, which may be replaced by a later one."""

    def send(self, frame: Frame) -> None:
        """Queue a frame; never waits and never raises."""

    def close(self) -> None:
        """Close after what is queued."""


class Timer(Protocol):
    def cancel(self) -> None: ...


class Clock(Protocol):
    """Time, and what is to happen later."""

    def now_s(self) -> float:
        """Seconds that only grow."""

    def wall_s(self) -> float:
        """Unix time."""

    def later(self, delay_s: float, action: Callable[[], None]) -> Timer: ...


class Hooks(Protocol):
    """Whoever is told what happens in the rooms."""

    def tell(self, event: WebhookEvent) -> None: ...


class IceServer(TypedDict):
    """A relay with a credential: the fields of the W3C's `RTCIceServer`."""

    urls: list[str]
    username: NotRequired[str]
    credential: NotRequired[str]


# The relays for a participant, each with a credential that is good for its sid alone.
Relays = Callable[[str], Sequence[IceServer]]


def no_relays(_: str) -> Sequence[IceServer]:
    return ()
