"""Media over IPv6, and media that the server cannot read."""

import asyncio
from pathlib import Path

import pytest
from livekit import rtc

from moim.sfu_server import own_addresses
from tests.browser.server import free_port
from tests.sfu.clients.sdk import Picture, people, until
from tests.sfu.clients.server import SfuServer

pytestmark = pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")

ANN, BOB = Picture(60, 200), Picture(180, 90)
IPV6 = next((address for address in own_addresses() if ":" in address), None)
both_ways = pytest.mark.parametrize("single", [False, True], ids=["two-pcs", "one-pc"])


@pytest.mark.skipif(IPV6 is None, reason="this machine has no IPv6")
@both_ways
async def test_people_meet_over_ipv6_alone(tmp_path: Path, single: bool) -> None:
    yaml = f'rtc: {{node_ip: "{IPV6}", udp_port: {free_port()}}}'
    async with SfuServer.running(tmp_path, yaml) as server, people("ann", "bob") as (ann, bob):
        await ann.join(server, single=single)
        await bob.join(server, single=single)
        await ann.show(ANN)
        await ann.hum(440)
        await asyncio.gather(bob.sees("ann", ANN), bob.hears("ann", 440))
        assert "127.0.0.1:" not in server.said().split("Media on UDP")[1].splitlines()[0]


def sharing(key: bytes) -> rtc.E2EEOptions:
    return rtc.E2EEOptions(key_provider_options=rtc.KeyProviderOptions(shared_key=key))


@pytest.mark.parametrize(("single", "codec"), [(False, "VP8"), (True, "H264"), (True, "VP9")])
async def test_what_is_encrypted_end_to_end_reaches_those_with_the_key_alone(
    server: SfuServer, single: bool, codec: str
) -> None:
    async with people("ann", "bob", "eve") as (ann, bob, eve):
        for person, key in ((ann, b"ours"), (bob, b"ours"), (eve, b"another")):
            await person.join(server, single=single, encryption=sharing(key))
        await ann.show(ANN, video_codec=rtc.VideoCodec.Value(codec), simulcast=codec == "VP8")
        await ann.hum(440)
        await asyncio.gather(bob.sees("ann", ANN), bob.hears("ann", 440))
        await ann.room.local_participant.publish_data("secret", topic="words")
        await until(lambda: bool(bob.data), lambda: "bob got no word")
        assert [one.data for one in bob.data] == [b"secret"]
        # What was forwarded to her was no picture, no tone and no word.
        assert "ann" not in eve.seen or not eve.seen["ann"].last.is_like(ANN)
        assert "ann" not in eve.heard or abs(eve.heard["ann"].pitch_hz() - 440) > 10
        assert not [one for one in eve.data if one.data == b"secret"]
