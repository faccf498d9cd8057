"""The SFU that moim starts with itself, asked over its own socket."""

import base64
import hashlib
import hmac
from pathlib import Path

import aiohttp
import pytest
from livekit import api
from livekit.protocol.rtc import SignalResponse

from moim.own_sfu import KEY, OwnSfu
from moim.settings import load_settings
from tests.browser.server import free_port

pytestmark = pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")

SECRET = "between-moim-and-the-turn-server-alone"
URLS = ("turn:turn.example.org:3478", "turns:turn.example.org:443")


async def nobody(_body: str, _token: str) -> bool:
    return True


async def test_who_joins_moims_own_is_told_of_its_relay_with_a_credential(tmp_path: Path) -> None:
    settings = load_settings(
        data_dir=tmp_path, turn_urls=URLS, turn_secret=SECRET, sfu_udp_port=free_port()
    )
    secret = "of-the-sfu-alone"
    video = api.VideoGrants(room_join=True, room="room")
    token = api.AccessToken(KEY, secret).with_identity("ann").with_grants(video).to_jwt()
    own = OwnSfu(settings, secret)
    async with own.running(nobody), aiohttp.ClientSession() as http:
        url = f"{own.api_url}/rtc?access_token={token}&protocol=16"
        async with http.ws_connect(url) as socket:
            join = SignalResponse.FromString(await socket.receive_bytes()).join
    (relay,) = join.ice_servers
    assert tuple(relay.urls) == URLS
    assert relay.username.endswith(f":{join.participant.sid}")
    signature = hmac.new(SECRET.encode(), relay.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(relay.credential) == signature
    assert own.udp_port == settings.sfu_udp_port
