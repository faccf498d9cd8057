"""What rooms may rely on, whichever plane is behind it: the mesh, or an SFU over LiveKit's own API.

The SFU is the real application over a real socket; its engine alone is a fake."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import pytest

from moim.media.places import OnePlace
from moim.media.plane import Access, Entry, Mesh, Plane
from moim.media.sfu import TRIAL_ROOM, SfuPlane, secret_from
from moim.meeting.errors import ErrorCode, Refused, Unavailable
from moim.meeting.ids import Source
from tests.sfu.fakes import KEY
from tests.sfu.serving import Served, served

SECRET = "a-secret-of-more-than-thirty-two-letters"
KEYS = f"keys: {{{KEY}: {SECRET}}}"
MINA = Entry(identity="u_mina", name="Mina", attributes={"moim.role": "host"})


@asynccontextmanager
async def planes(kind: str) -> AsyncIterator[tuple[Plane, Served | None]]:
    if kind == "mesh":
        yield Mesh(), None
        return
    async with served(KEYS) as server:
        plane = SfuPlane(OnePlace(server.url, lambda: server.url), KEY, SECRET)
        try:
            yield plane, server
        finally:
            await plane.stop()


both = pytest.mark.parametrize("kind", ["mesh", "sfu"])


@both
async def test_nobody_is_in_a_room_that_nobody_entered(kind: str) -> None:
    async with planes(kind) as (plane, _):
        assert await plane.present("tea") == ()


@both
async def test_what_is_done_to_who_is_not_there_is_no_error(kind: str) -> None:
    async with planes(kind) as (plane, _):
        await plane.remove("tea", "u_mina")
        await plane.mute("tea", "u_mina", Source.MICROPHONE)
        await plane.update("tea", MINA)
        await plane.close("tea")


@both
async def test_a_way_in_is_given_where_there_is_one_and_refused_where_not(kind: str) -> None:
    async with planes(kind) as (plane, server):
        if server is None:
            assert not plane.available
            with pytest.raises(Refused) as refused:
                await plane.access("tea", MINA)
            assert refused.value.code is ErrorCode.SFU_MISSING
        else:
            assert plane.available
            assert await _validates(server, await plane.access("tea", MINA))


async def test_the_token_of_who_is_removed_lets_in_no_more_and_a_new_one_does_at_once() -> None:
    async with planes("sfu") as (plane, server):
        assert server is not None
        old = await plane.access("tea", MINA)
        others = await plane.access("tea", Entry("u_jun", "Jun"))
        await plane.remove("tea", MINA.identity)
        assert not await _validates(server, old)
        assert await _validates(server, others)
        assert await _validates(server, await plane.access("tea", MINA))


async def test_who_may_send_no_data_gets_a_token_that_says_so() -> None:
    plane = SfuPlane(OnePlace("/livekit", lambda: ""), KEY, SECRET)
    entry = Entry("u_mina", "Mina", data=False)
    assert _claims(await plane.access("tea", entry))["video"]["canPublishData"] is False


async def test_a_token_is_for_one_person_in_one_room_with_their_rights_alone() -> None:
    entry = Entry("u_mina", "Mina", sources=(Source.MICROPHONE,))
    plane = SfuPlane(OnePlace("/livekit", lambda: ""), KEY, SECRET)
    claims = _claims(await plane.access("tea", entry))
    video = claims["video"]
    assert (claims["sub"], video["room"]) == ("u_mina", "tea")
    assert video["canPublishSources"] == ["microphone"]
    assert claims["exp"] - claims["nbf"] == 120
    assert not video.get("roomAdmin")


async def test_who_may_publish_nothing_gets_a_token_that_says_so() -> None:
    plane = SfuPlane(OnePlace("/livekit", lambda: ""), KEY, SECRET)
    access = await plane.access("tea", Entry("u_mina", "Mina", sources=()))
    assert _claims(access)["video"]["canPublish"] is False


async def test_a_trial_leads_where_nobody_is_seen_or_heard() -> None:
    plane = SfuPlane(OnePlace("/livekit", lambda: ""), KEY, SECRET)
    video = _claims(await plane.access("tea", MINA, trial=True))["video"]
    assert (video["room"], video["hidden"], video["canPublish"]) == (TRIAL_ROOM, True, False)


async def test_an_sfu_that_is_away_is_unavailable_and_no_crash() -> None:
    async with served(KEYS) as server:
        url = server.url
    plane = SfuPlane(OnePlace(url, lambda: url), KEY, SECRET)
    with pytest.raises(Unavailable) as unavailable:
        await plane.present("tea")
    assert unavailable.value.code is ErrorCode.SFU_UNREACHABLE
    await plane.stop()


async def test_a_webhook_is_believed_by_its_signature_alone() -> None:
    plane = SfuPlane(OnePlace("/livekit", lambda: ""), KEY, SECRET)
    assert plane.room_of('{"event": "participant_joined", "room": {"name": "tea"}}', "") is None


def test_moims_own_secret_is_the_same_at_each_start_and_tells_nothing_of_its_key() -> None:
    key = b"k" * 32
    assert secret_from(key) == secret_from(key)
    assert secret_from(key) != secret_from(b"l" * 32)
    assert "k" * 8 not in secret_from(key)


async def _validates(server: Served, access: Access) -> bool:
    async with aiohttp.ClientSession() as http:
        where = f"{server.url}/rtc/validate"
        async with http.get(where, params={"access_token": access.token}) as response:
            return response.status == 200


def _claims(access: Access) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(access.token, SECRET, algorithms=["HS256"])
    return found
