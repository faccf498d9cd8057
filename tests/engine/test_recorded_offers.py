"""The engine's answers to recorded offers of client stacks: the same text, but for what is random.

`tests/sfu/test_golden.py` says where the offers come from, and what the signalling makes of the
answers. `UPDATE_GOLDEN=1` writes them anew; look at the difference before you keep it.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from livekit.protocol.models import ClientInfo

from moim.sfu.quirks import codecs_for, wants_ice_lite, wants_rtx
from tests.engine.events import LOCAL, next_event

if TYPE_CHECKING:
    import moim_engine

    from moim.sfu.ports import PeerMode
else:
    moim_engine = pytest.importorskip("moim_engine", reason="needs Rust: make sfu")

pytestmark = pytest.mark.sfu

GOLDEN = Path(__file__).parents[1] / "sfu/golden"
NAMES = sorted(path.name.removesuffix(".offer.sdp") for path in GOLDEN.glob("*.offer.sdp"))
ENABLED = frozenset({"opus", "vp8", "h264", "vp9", "av1"})
RANDOM = (
    r"o=str0m\S+ \d+",
    r"WMS .*",
    r"msid:.*",
    r"ssrc:\d+ .*",
    r"ssrc-group:.*",
    r"candidate:.*",
    r"ice-(ufrag|pwd):.*",
    r"fingerprint:.*",
    r"sctp-init:.*",
)


def client_of(name: str) -> ClientInfo:
    stack = name.split("-")[0]
    return ClientInfo(
        sdk=ClientInfo.GO if stack == "pion" else ClientInfo.JS,
        browser=stack,
        os="linux" if stack == "firefox" else "macOS",
    )


def without_chance(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").splitlines()
    return [re.sub("|".join(RANDOM), "…", line) for line in lines]


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_offer_is_answered_as_before(name: str) -> None:
    client = client_of(name)
    mode: PeerMode = "single" if name.endswith("one-pc") else "publisher"
    engine = moim_engine.Engine(bind=LOCAL)
    try:
        participant = engine.open_participant(engine.open_room(), identity="ann", sid="PA_1")
        peer = engine.open_peer(
            participant,
            mode,
            ice_lite=wants_ice_lite(client, asked_for=True),
            codecs=codecs_for(client, mode, ENABLED),
            rtx=wants_rtx(client),
        )
        offer = (GOLDEN / f"{name}.offer.sdp").read_text(encoding="utf-8")
        engine.accept_offer(peer, 1, offer.replace("\n", "\r\n"))
        answer = next_event(engine, moim_engine.Answered).sdp.replace("\r\n", "\n")
    finally:
        engine.close()
    golden = GOLDEN / f"{name}.engine.sdp"
    known = golden.read_text(encoding="utf-8") if golden.exists() else ""
    if os.environ.get("UPDATE_GOLDEN") and without_chance(known) != without_chance(answer):
        golden.write_text(answer, encoding="utf-8", newline="\n")
        known = answer
    assert without_chance(answer) == without_chance(known)
