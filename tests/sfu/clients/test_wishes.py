"""What people want of each other's tracks, said by livekit-client in real Chromium pages."""

import pytest
from livekit import api

from tests.sfu.clients.browser import chromium, tabs
from tests.sfu.clients.sdk import Picture
from tests.sfu.clients.server import KEY, SECRET, SfuServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning"),
]

ANN = Picture(60, 200)
LOW, HIGH = 0, 2
both_ways = pytest.mark.parametrize("single", [False, True], ids=["two-pcs", "one-pc"])


@both_ways
async def test_a_small_view_gets_a_small_layer_and_the_rest_is_not_even_made(
    server: SfuServer, single: bool
) -> None:
    async with chromium() as browser, tabs(browser, "ann", "bob") as (ann, bob):
        await ann.join(server, single=single, options={"dynacast": True})
        await bob.join(server, single=single)
        await ann.show(ANN, width=640, simulcast=True)
        await bob.shall("me.sees('ann')?.width === 640")
        assert await ann.call("layers") == ["q", "h"]
        await bob.ask(f"me.their('ann', 'camera').setVideoQuality({LOW})")
        await bob.shall("me.sees('ann').width === 320")
        await ann.shall("me.layers().join() === 'q'")
        await bob.ask("me.their('ann', 'camera').setVideoDimensions({ width: 640, height: 360 })")
        await ann.shall("me.layers().join() === 'q,h'")
        await bob.shall("me.sees('ann').width === 640")
        await bob.ask("me.their('ann', 'camera').setEnabled(false)")
        await ann.shall("me.layers().length === 0")
        await bob.ask("me.their('ann', 'camera').setEnabled(true)")
        await bob.sees("ann", ANN)


@pytest.mark.parametrize("codec", ["vp9", "av1"])
async def test_a_small_view_gets_the_lower_layers_of_one_stream(
    server: SfuServer, codec: str
) -> None:
    async with chromium() as browser, tabs(browser, "ann", "bob") as (ann, bob):
        for tab in (ann, bob):
            await tab.join(server)
        await ann.show(ANN, width=640, simulcast=True, videoCodec=codec)
        await bob.shall("me.sees('ann')?.width === 640")
        await bob.ask(f"me.their('ann', 'camera').setVideoQuality({LOW})")
        await bob.shall("me.sees('ann').width < 640")
        await bob.sees("ann", ANN)
        await bob.ask(f"me.their('ann', 'camera').setVideoQuality({HIGH})")
        await bob.shall("me.sees('ann').width === 640")
        await bob.sees("ann", ANN)
        # What was left out is not missed.
        assert (await bob.call("arriving", "ann", "video"))["packetsLost"] == 0


async def test_a_voice_a_connection_and_a_mute_are_told(server: SfuServer) -> None:
    async with chromium() as browser, tabs(browser, "ann", "bob") as (ann, bob):
        for tab in (ann, bob):
            await tab.join(server)
        await ann.show(ANN)
        await ann.call("hum", 440)
        await bob.shall("me.speakers.at(-1)?.includes('ann')")
        await ann.shall("me.room.localParticipant.isSpeaking")
        quality = "me.room.remoteParticipants.get('ann').connectionQuality"
        await bob.shall(f"{quality} === 'excellent'")
        await ann.ask("me.own('microphone').mute()")
        await bob.shall("me.their('ann', 'microphone').isMuted")
        await bob.shall("me.speakers.at(-1).length === 0")
        await ann.ask("me.own('camera').mute()")
        await bob.shall("me.their('ann', 'camera').isMuted")
        await ann.ask("me.own('camera').unmute()")
        await bob.shall("!me.their('ann', 'camera').isMuted")
        await bob.sees("ann", ANN)


@both_ways
async def test_who_may_see_a_track_is_the_publishers_to_say(
    server: SfuServer, single: bool
) -> None:
    async with chromium() as browser, tabs(browser, "ann", "bob") as (ann, bob):
        for tab in (ann, bob):
            await tab.join(server, single=single)
        await ann.show(ANN)
        await bob.sees("ann", ANN)
        status = "me.their('ann', 'camera').permissionStatus"
        await ann.ask("me.room.localParticipant.setTrackSubscriptionPermissions(false)")
        await bob.shall(f"{status} === 'not_allowed' && !me.attached.has('ann video')")
        await ann.ask(
            "me.room.localParticipant.setTrackSubscriptionPermissions(false, "
            "[{ participantIdentity: 'bob', allowAll: true }])"
        )
        await bob.shall(f"{status} === 'allowed'")
        await bob.sees("ann", ANN)


@both_ways
async def test_who_may_not_publish_any_more_stops(server: SfuServer, single: bool) -> None:
    async with (
        chromium() as browser,
        tabs(browser, "ann", "bob") as (ann, bob),
        api.LiveKitAPI(server.url, KEY, SECRET) as livekit,
    ):
        for tab in (ann, bob):
            await tab.join(server, single=single)
        await ann.show(ANN)
        await bob.sees("ann", ANN)
        for allowed in (False, True):
            permission = api.ParticipantPermission(
                can_publish=allowed, can_subscribe=True, can_publish_data=True
            )
            await livekit.room.update_participant(
                api.UpdateParticipantRequest(room="room", identity="ann", permission=permission)
            )
            await ann.shall(
                f"me.room.localParticipant.permissions.canPublish === {str(allowed).lower()}"
            )
            if not allowed:
                await ann.shall("!me.own('camera')")
                await bob.shall("!me.their('ann', 'camera')")
        await ann.show(ANN)
        await bob.sees("ann", ANN)
