"""LiveKit's Python SDK (the Rust SDK inside), unmodified, over both ways of joining."""

import asyncio
import time
from typing import Any

import pytest
from livekit import api, rtc

from tests.sfu.clients.sdk import Picture, people, until
from tests.sfu.clients.server import KEY, SECRET, SfuServer

pytestmark = pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")

ANN, BOB = Picture(60, 200), Picture(180, 90)
both_ways = pytest.mark.parametrize("single", [False, True], ids=["two-pcs", "one-pc"])


@both_ways
async def test_two_people_see_and_hear_each_other(server: SfuServer, single: bool) -> None:
    async with people("ann", "bob") as (ann, bob):
        await ann.join(server, single=single)
        await bob.join(server, single=single)
        for person, picture, pitch_hz in ((ann, ANN, 440), (bob, BOB, 880)):
            await person.show(picture)
            await person.hum(pitch_hz)
        await asyncio.gather(
            ann.sees("bob", BOB), bob.sees("ann", ANN), ann.hears("bob", 880), bob.hears("ann", 440)
        )


@both_ways
async def test_who_was_removed_does_not_come_back_with_the_token_they_had(
    server: SfuServer, single: bool
) -> None:
    url, token = server.url.replace("http", "ws"), server.token("ann")
    chosen = rtc.RoomOptions(single_peer_connection=single)
    async with people("ann", "again", "new") as (ann, again, new):
        await ann.room.connect(url, token, chosen)
        later = int(time.time()) + 1
        async with api.LiveKitAPI(server.url, KEY, SECRET) as livekit:
            await livekit.room.remove_participant(
                api.RoomParticipantIdentity(room="room", identity="ann", revoke_token_ts=later)
            )
        await until(lambda: "disconnected" in ann.events, lambda: f"ann had {ann.events}")
        with pytest.raises(rtc.ConnectError, match="token was revoked"):
            await again.room.connect(url, token, chosen)
        await asyncio.sleep(max(0, later - time.time()))  # tokens know whole seconds
        await new.room.connect(url, server.token("ann"), chosen)


@both_ways
async def test_who_comes_late_sees_what_was_there(server: SfuServer, single: bool) -> None:
    async with people("ann", "bob") as (ann, bob):
        await ann.join(server, single=single)
        await ann.show(ANN)
        await ann.hum(440)
        await bob.join(server, single=single)
        await asyncio.gather(bob.sees("ann", ANN), bob.hears("ann", 440))


async def test_both_ways_of_joining_meet(server: SfuServer) -> None:
    async with people("ann", "bob") as (ann, bob):
        await ann.join(server, single=False)
        await bob.join(server, single=True)
        await ann.show(ANN)
        await bob.show(BOB)
        await asyncio.gather(ann.sees("bob", BOB), bob.sees("ann", ANN))


@both_ways
@pytest.mark.parametrize("codec", ["VP8", "H264", "VP9", "AV1"])
async def test_each_codec_is_forwarded(server: SfuServer, single: bool, codec: str) -> None:
    async with people("ann", "bob") as (ann, bob):
        await ann.join(server, single=single)
        await bob.join(server, single=single)
        await ann.show(ANN, video_codec=rtc.VideoCodec.Value(codec))
        await bob.sees("ann", ANN)
        remote = bob.room.remote_participants["ann"]
        mimes = [one.mime_type.lower() for one in remote.track_publications.values()]
        assert mimes == [f"video/{codec.lower()}"]


@both_ways
async def test_layers_are_forwarded(server: SfuServer, single: bool) -> None:
    async with people("ann", "bob") as (ann, bob):
        await ann.join(server, single=single)
        await bob.join(server, single=single)
        await ann.show(ANN, simulcast=True)
        await bob.sees("ann", ANN)
        assert next(
            iter(bob.room.remote_participants["ann"].track_publications.values())
        ).simulcasted


@both_ways
async def test_data_reaches_everybody_or_somebody(server: SfuServer, single: bool) -> None:
    async with people("ann", "bob", "eve") as (ann, bob, eve):
        for person in (ann, bob, eve):
            await person.join(server, single=single)
        for number in range(20):
            await ann.room.local_participant.publish_data(f"{number}", topic="all")
        await ann.room.local_participant.publish_data(
            b"psst", topic="bob", destination_identities=["bob"]
        )
        await ann.room.local_participant.publish_data(b"end", topic="end")
        for person in (bob, eve):
            await until(
                lambda person=person: any(one.topic == "end" for one in person.data),  # type: ignore[misc]
                lambda person=person: f"{person.identity} got {person.data}",  # type: ignore[misc]
            )
            said = [one.data.decode() for one in person.data if one.topic == "all"]
            assert said == [str(number) for number in range(20)]
            assert all(one.participant and one.participant.identity == "ann" for one in person.data)
        assert [one.data for one in bob.data if one.topic == "bob"] == [b"psst"]
        assert not [one for one in eve.data if one.topic == "bob"]
        assert not ann.data


@both_ways
async def test_a_text_stream_and_a_call_arrive(server: SfuServer, single: bool) -> None:
    async with people("ann", "bob") as (ann, bob):
        await ann.join(server, single=single)
        await bob.join(server, single=single)
        text = "모임 " * 20_000
        arrived: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def read(reader: rtc.TextStreamReader) -> None:
            arrived.set_result(await reader.read_all())

        reading: list[asyncio.Task[None]] = []
        bob.room.register_text_stream_handler(
            "notes", lambda reader, _: reading.append(asyncio.create_task(read(reader)))
        )

        async def greet(call: rtc.RpcInvocationData) -> str:
            return f"hello {call.caller_identity}, {call.payload}"

        bob.room.local_participant.register_rpc_method("greet", greet)

        await ann.room.local_participant.send_text(text, topic="notes")
        assert await asyncio.wait_for(arrived, 40) == text
        answer = await ann.room.local_participant.perform_rpc(
            destination_identity="bob", method="greet", payload="good morning"
        )
        assert answer == "hello ann, good morning"


@both_ways
async def test_muting_leaving_and_what_a_back_end_does_are_seen(
    server: SfuServer, single: bool
) -> None:
    async with (
        people("ann", "bob") as (ann, bob),
        api.LiveKitAPI(server.url, KEY, SECRET) as livekit,
    ):
        await ann.join(server, single=single, grants={"can_update_own_metadata": True})
        await bob.join(server, single=single)
        await ann.show(ANN)
        await bob.sees("ann", ANN)
        remote = bob.room.remote_participants["ann"]
        track = ann.published["camera"]
        await livekit.room.mute_published_track(
            api.MuteRoomTrackRequest(room="room", identity="ann", track_sid=track.sid, muted=True)
        )
        await until(
            lambda: all(one.muted for one in remote.track_publications.values()),
            lambda: "bob does not see that ann is muted",
        )
        await ann.room.local_participant.set_name("Ann")
        await ann.room.local_participant.set_attributes({"mood": "fine"})
        await until(
            lambda: (remote.name, remote.attributes.get("mood")) == ("Ann", "fine"),
            lambda: f"bob knows {remote.name} {remote.attributes}",
        )
        await livekit.room.update_room_metadata(
            api.UpdateRoomMetadataRequest(room="room", metadata="news")
        )
        await until(lambda: bob.room.metadata == "news", lambda: bob.room.metadata)
        await livekit.room.remove_participant(
            api.RoomParticipantIdentity(room="room", identity="ann")
        )
        await until(lambda: "disconnected" in ann.events, lambda: f"ann: {ann.events}")
        await until(lambda: not bob.room.remote_participants, lambda: "ann is still there for bob")


@both_ways
async def test_unpublished_and_published_again(server: SfuServer, single: bool) -> None:
    async with people("ann", "bob") as (ann, bob):
        await ann.join(server, single=single)
        await bob.join(server, single=single)
        await ann.show(ANN)
        await bob.sees("ann", ANN)
        for picture in (BOB, Picture(30, 30)):
            await ann.room.local_participant.unpublish_track(ann.published["camera"].sid)
            await until(
                lambda: not bob.room.remote_participants["ann"].track_publications,
                lambda: "the track is still there",
            )
            await ann.show(picture)
            await bob.sees("ann", picture)


@pytest.mark.parametrize(
    ("grants", "secret"), [({"room_join": False}, SECRET), ({}, "stolen")], ids=["grant", "secret"]
)
async def test_a_token_that_is_not_good_is_refused(
    server: SfuServer, grants: dict[str, Any], secret: str
) -> None:
    video = api.VideoGrants(**{"room_join": True, "room": "room", **grants})
    token = api.AccessToken(KEY, secret).with_identity("eve").with_grants(video).to_jwt()
    room = rtc.Room()
    with pytest.raises(rtc.ConnectError, match="401"):
        await room.connect(server.url.replace("http", "ws"), token)
    async with api.LiveKitAPI(server.url, KEY, SECRET) as livekit:
        assert not (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms
