"""The server's API, called as back ends do: with livekit-api, and with bare HTTP."""

import asyncio
import io
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from livekit import api
from livekit.protocol.models import (
    DataPacket,
    ParticipantInfo,
    ParticipantPermission,
    RpcResponse,
    TrackSource,
    TrackType,
)
from livekit.protocol.rtc import AddTrackRequest, SessionDescription, SignalRequest

from moim.sfu import events
from moim.sfu.joining import read_wish
from moim.sfu.revocations import MOST_HELD, Revocations
from moim.sfu.tokens import Claims
from tests.sfu.fakes import FakeSignals, media_lines, offer
from tests.sfu.serving import Served, served

pytestmark = pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with served() as running:
        yield running


@pytest.fixture
async def livekit(server: Served) -> AsyncIterator[api.LiveKitAPI]:
    async with api.LiveKitAPI(server.url, "devkey", "secret") as client:
        yield client


def sit(server: Served, identity: str, **grant: object) -> FakeSignals:
    """Seat somebody, connected."""
    claims = server.keys.verify(server.token(identity, **grant))  # type: ignore[arg-type]
    signals = FakeSignals()
    wish = read_wish(
        claims, {"protocol": "16"}, server.hub.world.config.limit, needs_join_request=False
    )
    session = server.hub.enter(wish, signals)
    assert session is not None
    server.flush()
    server.hub.handle(events.PeerState(session.participant.primary_peer, "connected", ""))
    signals.session = session  # type: ignore[attr-defined]
    return signals


def publish(server: Served, signals: FakeSignals) -> str:
    session = signals.session  # type: ignore[attr-defined]
    camera = AddTrackRequest(cid="cam", type=TrackType.VIDEO, source=TrackSource.CAMERA)
    session.handle(SignalRequest(add_track=camera))
    text = offer(media_lines("video", "1", "sendonly", cid="cam"))
    session.handle(SignalRequest(offer=SessionDescription(type="offer", sdp=text, id=1)))
    server.flush()
    return str(signals.of("track_published")[0].track.sid)


async def validated(server: Served, **query: str) -> tuple[int, str]:
    """What the door says to a token."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{server.url}/rtc/validate", params=query) as response,
    ):
        return response.status, await response.text()


async def test_rooms_are_made_listed_changed_and_deleted(
    server: Served, livekit: api.LiveKitAPI
) -> None:
    made = await livekit.room.create_room(
        api.CreateRoomRequest(name="room", empty_timeout=60, max_participants=5, metadata="m")
    )
    assert (made.name, made.empty_timeout, made.max_participants, made.metadata) == (
        "room",
        60,
        5,
        "m",
    )
    again = await livekit.room.create_room(api.CreateRoomRequest(name="room", metadata="n"))
    assert (again.sid, again.metadata, again.max_participants) == (made.sid, "n", 5)
    await livekit.room.create_room(api.CreateRoomRequest(name="other"))
    listed = await livekit.room.list_rooms(api.ListRoomsRequest(names=["room", "none"]))
    assert [room.name for room in listed.rooms] == ["room"]
    signals = sit(server, "ann")
    await livekit.room.delete_room(api.DeleteRoomRequest(room="room"))
    assert signals.closed
    assert signals.of("leave")[0].reason == 5
    assert list(server.hub.rooms) == ["other"]
    with pytest.raises(api.TwirpError) as caught:
        await livekit.room.delete_room(api.DeleteRoomRequest(room="room"))
    assert (caught.value.code, caught.value.status) == ("not_found", 404)


async def test_participants_are_listed_found_and_removed(
    server: Served, livekit: api.LiveKitAPI
) -> None:
    signals = sit(server, "ann")
    listed = await livekit.room.list_participants(api.ListParticipantsRequest(room="room"))
    assert [one.identity for one in listed.participants] == ["ann"]
    ann = api.RoomParticipantIdentity(room="room", identity="ann")
    assert (await livekit.room.get_participant(ann)).state == ParticipantInfo.ACTIVE
    await livekit.room.remove_participant(ann)
    assert signals.of("leave")[0].reason == 4
    listed = await livekit.room.list_participants(api.ListParticipantsRequest(room="room"))
    assert not listed.participants
    with pytest.raises(api.TwirpError) as caught:
        await livekit.room.get_participant(ann)
    assert (caught.value.code, caught.value.message) == (
        "not_found",
        "participant does not exist",
    )
    nowhere = await livekit.room.list_participants(api.ListParticipantsRequest(room="none"))
    assert not nowhere.participants


async def test_a_revoked_token_lets_in_no_more_and_other_tokens_do(
    server: Served, livekit: api.LiveKitAPI
) -> None:
    old, bobs = server.token("ann"), server.token("bob")
    signals = sit(server, "ann")
    later = int(time.time()) + 1
    ann = api.RoomParticipantIdentity(room="room", identity="ann", revoke_token_ts=later)
    await livekit.room.remove_participant(ann)
    assert signals.of("leave")[0].reason == 4
    refused = (401, "token was revoked")
    assert await validated(server, access_token=old) == refused
    assert await validated(server, access_token=old, reconnect="1") == refused
    assert await validated(server, access_token=old, publish="screen") == refused
    assert await validated(server, access_token=bobs) == (200, "success")
    assert await validated(server, access_token=server.token("ann", room="other")) == (
        200,
        "success",
    )
    await asyncio.sleep(max(0, later - time.time()))
    assert await validated(server, access_token=server.token("ann")) == (200, "success")


async def test_the_token_of_who_is_not_there_is_revoked_too(
    server: Served, livekit: api.LiveKitAPI
) -> None:
    old, later = server.token("ann"), int(time.time()) + 1
    ann = api.RoomParticipantIdentity(room="room", identity="ann", revoke_token_ts=later)
    with pytest.raises(api.TwirpError) as caught:
        await livekit.room.remove_participant(ann)
    assert caught.value.code == "not_found"
    assert await validated(server, access_token=old) == (401, "token was revoked")


async def test_without_a_time_a_removal_revokes_nothing(
    server: Served, livekit: api.LiveKitAPI
) -> None:
    old = server.token("ann")
    sit(server, "ann")
    ann = api.RoomParticipantIdentity(room="room", identity="ann")
    await livekit.room.remove_participant(ann)
    assert await validated(server, access_token=old) == (200, "success")


def test_a_time_that_is_earlier_takes_nothing_back_and_the_oldest_are_let_go_of() -> None:
    revocations = Revocations()
    revocations.revoke("room", "ann", 100)
    revocations.revoke("room", "ann", 50)
    assert revocations.cover("room", "ann", Claims(not_before_s=99))
    assert not revocations.cover("room", "ann", Claims(not_before_s=100))
    for number in range(MOST_HELD):
        revocations.revoke("room", str(number), 1)
    assert not revocations.cover("room", "ann", Claims())
    assert revocations.cover("room", "0", Claims())


async def test_a_track_is_muted_and_stays_muted(server: Served, livekit: api.LiveKitAPI) -> None:
    signals = sit(server, "ann")
    sid = publish(server, signals)
    request = api.MuteRoomTrackRequest(room="room", identity="ann", track_sid=sid, muted=True)
    response = await livekit.room.mute_published_track(request)
    assert response.track.muted
    assert signals.of("mute")[0].sid == sid
    request.muted = False
    with pytest.raises(api.TwirpError) as caught:
        await livekit.room.mute_published_track(request)
    assert (caught.value.code, caught.value.status) == ("failed_precondition", 412)
    request.track_sid = "TR_none"
    with pytest.raises(api.TwirpError) as caught:
        await livekit.room.mute_published_track(request)
    assert caught.value.code == "not_found"


async def test_a_remote_unmute_can_be_allowed() -> None:
    async with (
        served("room: {enable_remote_unmute: true}") as server,
        api.LiveKitAPI(server.url, "devkey", "secret") as livekit,
    ):
        signals = sit(server, "ann")
        sid = publish(server, signals)
        request = api.MuteRoomTrackRequest(room="room", identity="ann", track_sid=sid, muted=True)
        await livekit.room.mute_published_track(request)
        request.muted = False
        assert not (await livekit.room.mute_published_track(request)).track.muted


async def test_a_participant_is_changed_at_once(server: Served, livekit: api.LiveKitAPI) -> None:
    signals = sit(server, "ann")
    sid = publish(server, signals)
    changed = await livekit.room.update_participant(
        api.UpdateParticipantRequest(
            room="room",
            identity="ann",
            name="Ann",
            metadata="m",
            attributes={"a": "b"},
            permission=ParticipantPermission(can_subscribe=True, can_publish=False),
        )
    )
    assert (changed.name, changed.metadata, dict(changed.attributes)) == ("Ann", "m", {"a": "b"})
    assert not changed.permission.can_publish
    assert not changed.tracks
    assert signals.of("track_unpublished")[0].track_sid == sid
    assert server.engine.options("update_participant")[-1]["can_publish_data"] is False
    claims = server.keys.verify(signals.of("refresh_token")[-1])
    assert claims.video is not None
    assert claims.video.can_publish is False


@pytest.mark.parametrize(
    "change",
    [{"name": "x" * 300}, {"metadata": "x" * 600_000}, {"attributes": {"a": "x" * 70_000}}],
)
async def test_a_change_that_is_too_large_changes_nothing(
    server: Served, livekit: api.LiveKitAPI, change: dict[str, object]
) -> None:
    sit(server, "ann")
    before = server.hub.rooms["room"].participants["ann"].info()
    request = api.UpdateParticipantRequest(room="room", identity="ann", **change)  # type: ignore[arg-type]
    with pytest.raises(api.TwirpError) as caught:
        await livekit.room.update_participant(request)
    assert caught.value.code == "invalid_argument"
    assert server.hub.rooms["room"].participants["ann"].info() == before


async def test_subscriptions_are_changed_for_somebody(
    server: Served, livekit: api.LiveKitAPI
) -> None:
    ann = sit(server, "ann")
    sit(server, "bob")
    sid = publish(server, ann)
    bob = server.hub.rooms["room"].participants["bob"]
    assert list(bob.subscriptions) == [sid]
    request = api.UpdateSubscriptionsRequest(
        room="room", identity="bob", track_sids=[sid], subscribe=False
    )
    await livekit.room.update_subscriptions(request)
    assert not bob.subscriptions


async def test_data_goes_to_all_or_some_and_once_for_a_nonce(
    server: Served, livekit: api.LiveKitAPI
) -> None:
    sit(server, "ann")
    sit(server, "bob")
    everybody = api.SendDataRequest(room="room", data=b"hi", topic="t", nonce=b"n" * 16)
    await livekit.room.send_data(everybody)
    room, packet = server.engine.named("send_data")[0]
    assert room == server.hub.rooms["room"].number
    read = DataPacket.FromString(packet)
    assert (read.user.payload, read.user.topic) == (b"hi", "t")
    assert server.engine.options("send_data")[0] == {"reliable": True, "to": None}
    room_sid = server.hub.rooms["room"].participants["bob"].number
    await livekit.room.send_data(
        api.SendDataRequest(
            room="room", data=b"psst", kind=DataPacket.LOSSY, destination_identities=["bob"]
        )
    )
    assert server.engine.options("send_data")[1] == {"reliable": False, "to": [room_sid]}


async def test_the_same_nonce_is_the_same_request(server: Served) -> None:
    sit(server, "ann")
    token = server.token(room_admin=True)
    body = {"room": "room", "data": "aGk=", "nonce": "MDEyMzQ1Njc4OTAxMjM0NQ=="}
    async with aiohttp.ClientSession() as http:
        for _ in range(2):
            async with await call(http, server, "SendData", token, body) as response:
                assert response.status == 200
        async with await call(
            http, server, "SendData", token, {**body, "nonce": "MDEy"}
        ) as response:
            assert response.status == 400
    assert len(server.engine.named("send_data")) == 1


async def test_room_metadata_reaches_everybody(server: Served, livekit: api.LiveKitAPI) -> None:
    signals = sit(server, "ann")
    request = api.UpdateRoomMetadataRequest(room="room", metadata="news")
    assert (await livekit.room.update_room_metadata(request)).metadata == "news"
    assert signals.of("room_update")[-1].room.metadata == "news"


async def test_what_the_open_server_does_not_have_is_unimplemented(
    server: Served, livekit: api.LiveKitAPI
) -> None:
    sit(server, "ann")
    with pytest.raises(api.TwirpError) as caught:
        await livekit.egress.list_egress(api.ListEgressRequest())
    assert (caught.value.code, caught.value.status) == ("unimplemented", 501)
    with pytest.raises(api.TwirpError) as caught:
        await livekit.agent_dispatch.list_dispatch("room")
    assert caught.value.code == "unimplemented"
    with pytest.raises(api.TwirpError) as caught:
        await livekit.room.move_participant(
            api.MoveParticipantRequest(room="room", identity="ann", destination_room="other")
        )
    assert caught.value.code == "unimplemented"


async def call(
    http: aiohttp.ClientSession, server: Served, method: str, token: str, body: object
) -> aiohttp.ClientResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"{server.url}/twirp/livekit.RoomService/{method}"
    return await http.post(url, json=body, headers=headers)


METHODS: dict[str, dict[str, Any]] = {
    "CreateRoom": {"room_create": True},
    "DeleteRoom": {"room_create": True},
    "ListRooms": {"room_list": True},
    "ListParticipants": {"room_admin": True},
    "GetParticipant": {"room_admin": True},
    "RemoveParticipant": {"room_admin": True},
    "MutePublishedTrack": {"room_admin": True},
    "UpdateParticipant": {"room_admin": True},
    "UpdateSubscriptions": {"room_admin": True},
    "SendData": {"room_admin": True},
    "UpdateRoomMetadata": {"room_admin": True},
    "PerformRpc": {"room_admin": True},
    "ForwardParticipant": {"room_admin": True},
    "MoveParticipant": {"room_admin": True},
}


@pytest.mark.parametrize("method", METHODS)
async def test_each_method_needs_its_own_grant_and_room(server: Served, method: str) -> None:
    sit(server, "ann")
    everything: dict[str, Any] = {"room_create": True, "room_list": True, "room_admin": True}
    others = {name: value for name, value in everything.items() if name not in METHODS[method]}
    tokens = ["", server.token(**others)]
    if "room_admin" in METHODS[method]:
        tokens.append(server.token(**everything, room="another"))
    body = {"room": "room", "identity": "ann", "name": "fresh"}
    async with aiohttp.ClientSession() as http:
        for token in tokens:
            async with await call(http, server, method, token, body) as response:
                said = await response.json()
                assert (response.status, said["code"]) == (401, "unauthenticated")
                assert said["msg"] == "permissions denied"
    assert list(server.hub.rooms) == ["room"]
    assert list(server.hub.rooms["room"].participants) == ["ann"]


async def test_json_names_fields_as_protobuf_does_and_leaves_none_out(server: Served) -> None:
    async with aiohttp.ClientSession() as http:
        token = server.token(room_create=True)
        async with await call(
            http, server, "CreateRoom", token, {"name": "r", "emptyTimeout": 9, "new": 1}
        ) as response:
            said = await response.json()
    assert said["empty_timeout"] == 9
    assert said["num_participants"] == 0
    assert said["active_recording"] is False


@pytest.mark.parametrize(
    ("method", "kind", "body", "status"),
    [
        ("CreateRoom", "application/json", b"{", 400),
        ("CreateRoom", "application/json", b'{"name": 1}', 400),
        ("CreateRoom", "application/json", b"\xff", 400),
        ("CreateRoom", "application/protobuf", b"\xff\xff", 400),
        ("CreateRoom", "text/plain", b"{}", 404),
        ("Nothing", "application/json", b"{}", 404),
        ("CreateRoom", "application/json", b" " * (10 * 1024 * 1024 + 1), 413),
    ],
)
async def test_a_request_that_cannot_be_read_is_refused(
    server: Served, method: str, kind: str, body: bytes, status: int
) -> None:
    headers = {
        "Authorization": f"Bearer {server.token(room_create=True)}",
        "Content-Type": kind,
    }
    async with aiohttp.ClientSession() as http:
        url = f"{server.url}/twirp/livekit.RoomService/{method}"
        async with http.post(url, data=io.BytesIO(body), headers=headers) as response:
            assert response.status == status
            assert set(await response.json()) == {"code", "msg"}
    assert not server.hub.rooms


async def perform(server: Served, **request: object) -> tuple[int, dict[str, str]]:
    """Call a method of ann's; livekit-api has no function for it yet."""
    body = {"room": "room", "destination_identity": "ann", "method": "greet", **request}
    async with aiohttp.ClientSession() as http:
        token = server.token(room_admin=True)
        async with await call(http, server, "PerformRpc", token, body) as response:
            return response.status, await response.json()


async def test_a_call_of_a_client_is_answered_by_it(server: Served) -> None:
    sit(server, "ann")
    calling = asyncio.create_task(perform(server, payload="hi"))
    async with asyncio.timeout(10):
        while not server.engine.named("send_data"):  # noqa: ASYNC110 - over a socket
            await asyncio.sleep(0.01)
    sent = DataPacket.FromString(server.engine.named("send_data")[0][1])
    assert (sent.rpc_request.method, sent.rpc_request.payload) == ("greet", "hi")
    assert server.engine.named("intercept")
    answer = RpcResponse(request_id=sent.rpc_request.id, payload="hello")
    packet = DataPacket(rpc_response=answer).SerializeToString()
    number = server.hub.rooms["room"].participants["ann"].number
    server.hub.handle(events.DataReceived(number, True, packet))
    assert await calling == (200, {"payload": "hello"})


async def test_a_call_that_nobody_answers_is_late(server: Served) -> None:
    sit(server, "ann")
    status, said = await perform(server, response_timeout_ms=50)
    assert (status, said["code"]) == (408, "deadline_exceeded")
