"""Clients that send nonsense: they are told so, and nobody else notices."""

import asyncio
import random
from pathlib import Path

import aiohttp
import pytest
from livekit import api
from livekit.protocol.rtc import (
    AddTrackRequest,
    SessionDescription,
    SignalRequest,
    SignalResponse,
    TrickleRequest,
)

from tests.sfu.clients.sdk import Picture, people
from tests.sfu.clients.server import KEY, SECRET, SfuServer

pytestmark = pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")

ANN, BOB = Picture(60, 200), Picture(180, 90)
GOLDEN = Path(__file__).parents[1] / "golden"
OFFERS = [path.read_text(encoding="utf-8") for path in sorted(GOLDEN.glob("*.offer.sdp"))]
SEED = 7
VARIANTS = 60
CANDIDATES = ("", "candidate:", "candidate:1 1 udp 1 ::1 0 typ host", "candidate:" + "9" * 500)


def spoiled(dice: random.Random) -> str:
    """A real offer with some lines gone, doubled, moved, or with other characters in them."""
    lines = dice.choice(OFFERS).splitlines()
    for _ in range(dice.randint(1, 12)):
        at = dice.randrange(len(lines))
        match dice.randrange(5):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[at])
            case 2:
                lines.insert(dice.randrange(len(lines)), lines.pop(at))
            case 3:
                lines[at] = lines[at].replace("1", str(dice.randrange(10**9)))
            case _:
                spot = dice.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:spot] + chr(dice.randrange(32, 300)) + lines[at][spot:]
    return "\r\n".join(lines) + "\r\n"


async def say(http: aiohttp.ClientSession, url: str, requests: list[SignalRequest]) -> set[str]:
    """Join, say all of it, and give the cases of what comes back until an answer or the end."""
    cases: set[str] = set()
    async with http.ws_connect(url) as socket:
        for request in requests:
            await socket.send_bytes(request.SerializeToString())
        async for message in socket:
            case = SignalResponse.FromString(message.data).WhichOneof("message") or ""
            cases.add(case)
            if case in ("answer", "leave"):
                break
    return cases


async def test_spoiled_descriptions_harm_nobody(server: SfuServer) -> None:
    dice = random.Random(SEED)
    async with people("ann", "bob") as (ann, bob), aiohttp.ClientSession() as http:
        for person, picture in ((ann, ANN), (bob, BOB)):
            await person.join(server, single=False)
            await person.show(picture)
        await asyncio.gather(ann.sees("bob", BOB), bob.sees("ann", ANN))
        told: set[str] = set()
        for number in range(VARIANTS):
            offer = SessionDescription(type="offer", sdp=spoiled(dice), id=number)
            requests = [
                SignalRequest(add_track=AddTrackRequest(cid="cam", type=dice.randrange(3))),  # type: ignore[arg-type]
                SignalRequest(trickle=TrickleRequest(candidateInit=dice.choice(CANDIDATES))),
                SignalRequest(offer=offer),
            ]
            url = f"{server.url}/rtc?access_token={server.token(f'eve{number}')}"
            async with asyncio.timeout(30):
                told |= await say(http, url, requests)
        assert {"answer", "leave"} <= told
        ann.seen.clear()
        bob.seen.clear()
        await asyncio.gather(ann.sees("bob", BOB), bob.sees("ann", ANN))
        assert ann.events == bob.events == []


async def test_a_token_of_another_room_administers_only_that_room(server: SfuServer) -> None:
    async with people("ann") as (ann,):
        await ann.join(server)
        video = api.VideoGrants(room_admin=True, room="another")
        token = api.AccessToken(KEY, SECRET).with_identity("eve").with_grants(video).to_jwt()
        body = {"room": "room", "identity": "ann"}
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
            for method in ("GetParticipant", "RemoveParticipant", "UpdateParticipant"):
                url = f"{server.url}/twirp/livekit.RoomService/{method}"
                async with http.post(url, json=body) as response:
                    assert response.status == 401
        assert ann.room.isconnected()
