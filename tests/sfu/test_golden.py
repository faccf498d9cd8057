"""Recorded offers of client stacks with the engine's own answers, and what we make of them.

`<client>.offer.sdp` is what the client sent, `<client>.engine.sdp` the text that the engine gave,
`<client>.answer.sdp` what goes back to the client. Recorded with Chromium 156, Firefox 153 and
livekit-client 2.23, the Python SDK 1.2.1 (libwebrtc) and pion/webrtc 4.2. Safari's is no recording:
it is written by hand after what Safari 18 offers.
`UPDATE_GOLDEN=1` writes the answers anew; look at the difference before you keep it.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from livekit.protocol.models import TrackSource, TrackType
from livekit.protocol.rtc import AddTrackRequest, SessionDescription

from moim.sfu import events, sdp
from tests.sfu.fakes import Client, FakeEngine, Server
from tests.sfu.test_single import join as join_single
from tests.sfu.test_single import publishing

GOLDEN = Path(__file__).parent / "golden"
CAMERAS = {
    "chromium-one-pc": ("7", ["q", "h"]),
    "chromium-two-pcs": ("1", ["q", "h"]),
    "firefox-one-pc": ("8", ["q", "h"]),
    "firefox-two-pcs": ("2", ["q", "h"]),
    "libwebrtc-one-pc": ("7", ["h", "q"]),
    "pion-one-pc": ("1", ["f", "h", "q"]),
    "safari-one-pc": ("8", ["q", "h", "f"]),
    "safari-two-pcs": ("2", ["q", "h", "f"]),
}
CLIENTS = tuple(CAMERAS)


def recorded(name: str, part: str) -> str:
    return (GOLDEN / f"{name}.{part}.sdp").read_text(encoding="utf-8")


class Recorded(FakeEngine):
    """Answers one client's offer with the text that the engine gave."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.recorded_for = 0

    def accept_offer(self, peer: int, request: int, sdp: str) -> None:
        if peer != self.recorded_for:
            super().accept_offer(peer, request, sdp)
            return
        self._note("accept_offer", peer, request)
        self.events.append(events.Answered(peer, request, recorded(self.name, "engine")))


def server_for(name: str) -> tuple[Server, Recorded]:
    server, engine = Server(), Recorded(name)
    server.engine = engine
    server.world.engine = engine
    return server, engine


def offer_of(server: Server, engine: Recorded, name: str, *, subscribed: bool) -> Client:
    """Join as that client, announce what its offer sends, and offer."""
    if subscribed:
        publishing(server)
    single = name.endswith("one-pc")
    zoe = join_single(server, "zoe") if single else server.join("zoe")
    engine.recorded_for = zoe.session.participant.uplink.peer
    server.connect(zoe)
    server.pass_s(1)
    for line in sdp.parse(recorded(name, "offer")).media:
        if line.sends:
            zoe.ask(add_track=announced(line))
    zoe.ask(offer=SessionDescription(type="offer", sdp=recorded(name, "offer"), id=5))
    server.flush()
    return zoe


def announced(line: sdp.Section) -> AddTrackRequest:
    video = line.kind == "video"
    return AddTrackRequest(
        cid=line.track_ids()[0],
        type=TrackType.VIDEO if video else TrackType.AUDIO,
        source=TrackSource.CAMERA if video else TrackSource.MICROPHONE,
    )


def answer_of(client: Client) -> sdp.Description:
    return sdp.parse(client.signals.of("answer")[-1].sdp)


@pytest.mark.parametrize("name", CLIENTS)
def test_a_recorded_offer_is_answered_as_it_was_looked_through(name: str) -> None:
    server, engine = server_for(name)
    subscribed = name.endswith("one-pc")
    zoe = offer_of(server, engine, name, subscribed=subscribed)
    written = str(answer_of(zoe)).replace("\r\n", "\n")
    golden = GOLDEN / f"{name}.answer.sdp"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(written, encoding="utf-8", newline="\n")
    assert written == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CLIENTS)
def test_the_camera_and_its_layers_are_found_in_a_recorded_offer(name: str) -> None:
    server, engine = server_for(name)
    zoe = offer_of(server, engine, name, subscribed=False)
    tracks = {track.kind: track for track in zoe.session.participant.tracks.values()}
    mid, rids = CAMERAS[name]
    line = sdp.parse(recorded(name, "offer")).section(mid)
    assert line is not None
    assert line.rids == rids
    assert (tracks["video"].mid, tracks["video"].info.simulcast) == (mid, True)
    assert tracks["audio"].visible


@pytest.mark.parametrize("name", CLIENTS)
def test_what_every_client_stack_depends_on_holds_for_each_line(name: str) -> None:
    server, engine = server_for(name)
    zoe = offer_of(server, engine, name, subscribed=name.endswith("one-pc"))
    offered, answer = sdp.parse(recorded(name, "offer")), answer_of(zoe)
    assert [line.mid for line in answer.sections] == [line.mid for line in offered.sections]
    assert [line.kind for line in answer.sections] == [line.kind for line in offered.sections]
    directions: dict[str, list[str]] = {}
    for line in answer.media:
        there: Any = offered.section(line.mid)
        directions.setdefault(there.direction, []).append(line.direction)
        streams = [value.split(" ")[0] for value in line.values("msid")]
        carries = line.direction == "sendonly"
        assert all(stream.startswith("PA_") for stream in streams)
        assert bool(streams) == carries
        assert bool(list(line.values("ssrc"))) == carries
    assert set(directions.get("sendonly", []) + directions.get("sendrecv", [])) <= {"recvonly"}
    slots = directions.get("recvonly", [])
    assert slots.count("sendonly") == (1 if slots else 0)
    assert set(slots) <= {"sendonly", "inactive"}
