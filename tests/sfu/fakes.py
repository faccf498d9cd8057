"""The ports of the rooms as the tests have them: an engine of text, time moved by hand, lists."""

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from livekit.protocol.rtc import SignalRequest, SignalResponse
from livekit.protocol.webhook import WebhookEvent

from moim.sfu import events, sdp
from moim.sfu.config import SfuConfig, read_config
from moim.sfu.frames import Frame
from moim.sfu.hub import Hub
from moim.sfu.ids import Ids
from moim.sfu.joining import read_wish
from moim.sfu.ports import MediaKind, PeerMode
from moim.sfu.session import Session
from moim.sfu.tokens import Claims, Keys, VideoGrant
from moim.sfu.world import World

KEY, SECRET = "devkey", "secret"
START_S = 1_700_000_000.0
STEP_S = 0.5


@dataclass
class FakeTimer:
    at_s: float
    action: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock:
    """Time stands until `pass_s`."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._timers: list[tuple[float, int, FakeTimer]] = []
        self._numbers = itertools.count()

    def now_s(self) -> float:
        return self._now_s

    def wall_s(self) -> float:
        return START_S + self._now_s

    def later(self, delay_s: float, action: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(self._now_s + delay_s, action)
        heapq.heappush(self._timers, (timer.at_s, next(self._numbers), timer))
        return timer

    def pass_s(self, seconds: float) -> None:
        end_s = self._now_s + seconds
        while self._timers and self._timers[0][0] <= end_s:
            at_s, _, timer = heapq.heappop(self._timers)
            self._now_s = at_s
            if not timer.cancelled:
                timer.action()
        self._now_s = end_s

    @property
    def waiting(self) -> int:
        return sum(not timer.cancelled for _, _, timer in self._timers)


class FakeEngine:
    """Numbers things, remembers calls, and answers descriptions as the engine does: mirrored."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.events: list[events.EngineEvent] = []
        self.modes: dict[int, PeerMode] = {}
        self.sending: dict[int, dict[int, str | None]] = {}
        self.mids: dict[int, dict[int, str]] = {}
        self.sequences: dict[int, int] = {}
        self.refuses = False
        self._numbers = itertools.count(1)
        self._ssrcs = itertools.count(1000)

    def named(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for called, arguments, _ in self.calls if called == name]

    def options(self, name: str) -> list[dict[str, Any]]:
        return [options for called, _, options in self.calls if called == name]

    def _note(self, name: str, *arguments: Any, **options: Any) -> None:
        self.calls.append((name, arguments, options))

    def open_room(self) -> int:
        self._note("open_room")
        return next(self._numbers)

    def close_room(self, room: int) -> None:
        self._note("close_room", room)

    def open_participant(self, room: int, **options: Any) -> int:
        self._note("open_participant", room, **options)
        return next(self._numbers)

    def update_participant(self, participant: int, **options: Any) -> None:
        self._note("update_participant", participant, **options)

    def close_participant(self, participant: int) -> None:
        self._note("close_participant", participant)

    def last_sequence(self, participant: int) -> int:
        return self.sequences.get(participant, 0)

    def open_peer(self, participant: int, mode: PeerMode, **options: Any) -> int:
        self._note("open_peer", participant, mode, **options)
        peer = next(self._numbers)
        self.modes[peer] = mode
        self.sending[peer] = {}
        self.mids[peer] = {}
        return peer

    def close_peer(self, peer: int) -> None:
        self._note("close_peer", peer)

    def accept_offer(self, peer: int, request: int, sdp: str) -> None:
        self._note("accept_offer", peer, request)
        self.events.append(
            events.Refused(peer, request, "sdp", "")
            if self.refuses
            else events.Answered(peer, request, self._mirror(sdp))
        )

    def create_offer(self, peer: int, request: int, *, ice_restart: bool = False) -> None:
        self._note("create_offer", peer, request, ice_restart=ice_restart)
        for track in self.sending[peer]:
            self.mids[peer].setdefault(track, str(len(self.mids[peer]) + 1))
        self.events.append(events.Offered(peer, request, self._own_offer(peer), self._in_use(peer)))

    def accept_answer(self, peer: int, request: int, sdp: str) -> None:
        self._note("accept_answer", peer, request, sdp)
        self.events.append(events.AnswerAccepted(peer, request, []))

    def add_ice_candidate(self, peer: int, candidate: str) -> None:
        self._note("add_ice_candidate", peer, candidate)

    def publish(self, peer: int, mid: str, kind: MediaKind) -> int:
        self._note("publish", peer, mid, kind)
        return next(self._numbers)

    def unpublish(self, track: int) -> None:
        self._note("unpublish", track)

    def subscribe(self, peer: int, track: int, *, mid: str | None = None) -> None:
        self._note("subscribe", peer, track, mid=mid)
        self.sending[peer][track] = mid
        self._needed(peer)

    def unsubscribe(self, peer: int, track: int) -> None:
        self._note("unsubscribe", peer, track)
        self.sending[peer].pop(track, None)
        self._needed(peer)

    def set_layer(self, peer: int, track: int, **options: Any) -> None:
        self._note("set_layer", peer, track, **options)

    def request_key_frame(self, track: int, *, layer: int | None = None) -> None:
        self._note("request_key_frame", track, layer=layer)

    def send_data(
        self, room: int, packet: bytes, *, reliable: bool, to: Sequence[int] | None = None
    ) -> None:
        self._note("send_data", room, packet, reliable=reliable, to=to)

    def intercept(self, room: int, identity: str, on: bool = True) -> None:
        self._note("intercept", room, identity, on)

    def stats(self, request: int) -> None:
        self._note("stats", request)
        self.events.append(events.StatsReady(request, {"rooms": 1, "packets_in": 7}))

    def _needed(self, peer: int) -> None:
        if self.modes[peer] == "subscriber":
            self.events.append(events.NegotiationNeeded(peer))

    def _in_use(self, peer: int) -> list[tuple[str, int]]:
        return [(self.mids[peer][track], track) for track in self.sending[peer]]

    def _own_offer(self, peer: int) -> str:
        lines = [*HEAD, *channel_lines("0")]
        for mid in self.mids[peer].values():
            lines += media_lines("video", mid, "sendonly", ssrc=next(self._ssrcs))
        return "\r\n".join(lines) + "\r\n"

    def _mirror(self, text: str) -> str:
        """As str0m: each direction turned round, an SSRC wherever we may send."""
        description = sdp.parse(text)
        for section in description.media:
            turned = {"sendonly": "recvonly", "recvonly": "sendonly"}
            direction = section.direction
            section.drop("msid", "ssrc", "ssrc-group")
            section.set_direction(turned.get(direction, direction))  # type: ignore[arg-type]
            if section.direction in ("sendonly", "sendrecv"):
                ssrc = next(self._ssrcs)
                section.lines += [f"a=ssrc:{ssrc} cname:x", f"a=ssrc:{ssrc} msid:random random"]
                section.lines.insert(4, "a=msid:random random")
        return str(description)


HEAD = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]


def channel_lines(mid: str) -> list[str]:
    return [
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{mid}",
        "a=sctp-port:5000",
    ]


def media_lines(
    kind: str,
    mid: str,
    direction: str,
    *,
    cid: str = "",
    ssrc: int = 0,
    rids: Sequence[str] = (),
) -> list[str]:
    """An m-line with Opus, or with VP8 and H264 and their RTX."""
    audio = ["a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1"]
    video = [
        "a=rtpmap:96 VP8/90000",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=rtpmap:103 H264/90000",
        "a=rtpmap:104 rtx/90000",
        "a=fmtp:104 apt=103",
    ]
    numbers = "111" if kind == "audio" else "96 97 103 104"
    lines = [
        f"m={kind} 9 UDP/TLS/RTP/SAVPF {numbers}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{mid}",
        f"a={direction}",
    ]
    if cid:
        lines.append(f"a=msid:stream {cid}")
    lines += audio if kind == "audio" else video
    if rids:
        lines += [f"a=rid:{rid} send" for rid in rids]
        lines.append(f"a=simulcast:send {';'.join(rids)}")
    if ssrc:
        lines += [f"a=ssrc:{ssrc} cname:x", f"a=ssrc:{ssrc} msid:random random"]
    return lines


def offer(*sections: list[str]) -> str:
    lines = [*HEAD, *channel_lines("data")]
    for section in sections:
        lines += section
    return "\r\n".join(lines) + "\r\n"


class FakeSignals:
    """What one client was sent."""

    def __init__(self) -> None:
        self.sent: list[SignalResponse] = []
        self.closed = False

    def send(self, frame: Frame) -> None:
        assert not self.closed, "nothing may be sent after the close"
        self.sent.append(SignalResponse.FromString(frame.binary))

    def close(self) -> None:
        self.closed = True

    def of(self, case: str) -> list[Any]:
        """Each message of a case, in order."""
        return [getattr(one, case) for one in self.sent if one.WhichOneof("message") == case]

    def cases(self) -> list[str]:
        return [one.WhichOneof("message") or "" for one in self.sent]

    def forget(self) -> None:
        self.sent.clear()


@dataclass
class FakeHooks:
    told: list[WebhookEvent] = field(default_factory=list)

    def tell(self, event: WebhookEvent) -> None:
        self.told.append(event)

    def names(self) -> list[str]:
        return [event.event for event in self.told]


@dataclass
class Client:
    """One connected client: what it was sent, and its session."""

    signals: FakeSignals
    session: Session

    def ask(self, **request: Any) -> None:
        self.session.handle(SignalRequest(**request))

    @property
    def sid(self) -> str:
        return self.session.participant.sid


class Server:
    """A hub over fake ports."""

    def __init__(self, yaml: str = "") -> None:
        self.config: SfuConfig = read_config(yaml, {}, dev=True)[0]
        self.engine = FakeEngine()
        self.clock = FakeClock()
        self.hooks = FakeHooks()
        self.keys = Keys(self.config.keys, self.clock.wall_s)
        numbers = itertools.count(1)
        ids = Ids(lambda: f"{next(numbers):012}")
        self.world = World(self.config, self.engine, self.clock, self.hooks, self.keys, ids)
        self.hub = Hub(self.world)

    def token(self, identity: str = "ann", room: str = "room", **claims: Any) -> str:
        grant = VideoGrant(room_join=True, room=room, **claims.pop("grant", {}))
        lifetime_s = claims.pop("lifetime_s", 600)
        return self.keys.sign(Claims(identity=identity, video=grant, **claims), lifetime_s, key=KEY)

    def try_join(
        self,
        identity: str = "ann",
        *,
        query: dict[str, str] | None = None,
        room: str = "room",
        **claims: Any,
    ) -> tuple[FakeSignals, Session | None]:
        """Join over `/rtc`; a v1 client's query has a join_request."""
        verified = self.keys.verify(self.token(identity, room, **claims))
        parameters = {"protocol": "16", "sdk": "js", **(query or {})}
        wish = read_wish(verified, parameters, self.config.limit, needs_join_request=False)
        signals = FakeSignals()
        return signals, self.hub.enter(wish, signals)

    def join(self, identity: str = "ann", **options: Any) -> Client:
        signals, session = self.try_join(identity, **options)
        assert session is not None
        self.flush()
        return Client(signals, session)

    def connect(self, client: Client) -> None:
        """Bring a client's primary connection up."""
        self.peer_state(client.session.participant.primary_peer, "connected")

    def peer_state(self, peer: int, state: Any) -> None:
        self.hub.handle(events.PeerState(peer, state, ""))
        self.flush()

    def flush(self) -> None:
        """Deliver what the engine has to say."""
        while self.engine.events:
            self.hub.handle(self.engine.events.pop(0))

    def pass_s(self, seconds: float) -> None:
        """Let time pass; what the engine says on the way is delivered on the way."""
        while seconds > 0:
            self.clock.pass_s(min(seconds, STEP_S))
            self.flush()
            seconds -= STEP_S

    @property
    def room(self) -> Any:
        return self.hub.rooms["room"]
