"""HTTP and WebSocket as clients meet them: statuses, texts, headers, frames."""

import base64
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import (
    JoinRequest,
    Ping,
    SignalRequest,
    SignalResponse,
    WrappedJoinRequest,
)

from tests.sfu.serving import Served, served

ORIGIN = {"Origin": "https://meet.example"}


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with served() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def join_request(size: int = 0) -> str:
    request = JoinRequest(client_info=ClientInfo(protocol=16), metadata="x" * size)
    wrapped = WrappedJoinRequest(join_request=request.SerializeToString())
    return base64.urlsafe_b64encode(wrapped.SerializeToString()).decode()


async def refused(
    http: aiohttp.ClientSession, url: str, headers: dict[str, str] | None = None
) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await http.ws_connect(url, headers=headers)
    return caught.value.status


async def test_health_is_ok_for_get_and_head(server: Served, http: aiohttp.ClientSession) -> None:
    async with http.get(server.url) as response:
        assert (response.status, await response.text()) == (200, "OK")
    async with http.head(server.url) as response:
        assert response.status == 200


async def test_a_join_is_answered_in_protobuf(server: Served, http: aiohttp.ClientSession) -> None:
    async with http.ws_connect(f"{server.url}/rtc?access_token={server.token()}") as socket:
        first = SignalResponse.FromString(await socket.receive_bytes())
        assert first.join.participant.identity == "ann"
        request = SignalRequest(ping_req=Ping(timestamp=5))
        await socket.send_bytes(request.SerializeToString())
        async for message in socket:
            response = SignalResponse.FromString(message.data)
            if response.HasField("pong_resp"):
                assert response.pong_resp.last_ping_timestamp == 5
                break


async def test_who_speaks_json_is_answered_in_json(
    server: Served, http: aiohttp.ClientSession
) -> None:
    async with http.ws_connect(f"{server.url}/rtc?access_token={server.token()}") as socket:
        await socket.send_str('{"pingReq": {"timestamp": "5"}}')
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                said = json.loads(message.data)
                if "pongResp" in said:
                    assert said["pongResp"]["lastPingTimestamp"] == "5"
                    break


@pytest.mark.parametrize("path", ["rtc", "/rtc", "rtc?", "rtc?&"])
async def test_paths_and_queries_are_read_leniently(
    server: Served, http: aiohttp.ClientSession, path: str
) -> None:
    mark = "&" if "?" in path else "?"
    url = f"{server.url}/{path}{mark}access_token={server.token()}"
    async with http.ws_connect(url) as socket:
        assert SignalResponse.FromString(await socket.receive_bytes()).HasField("join")


async def test_a_bearer_header_is_as_good_as_the_query(
    server: Served, http: aiohttp.ClientSession
) -> None:
    headers = {"Authorization": f"Bearer {server.token()}"}
    async with http.ws_connect(f"{server.url}/rtc", headers=headers) as socket:
        assert SignalResponse.FromString(await socket.receive_bytes()).HasField("join")


async def test_the_new_path_takes_a_request_line_of_sixty_kilobytes(
    server: Served, http: aiohttp.ClientSession
) -> None:
    token = server.token(can_update_own_metadata=True)
    url = f"{server.url}/rtc/v1?access_token={token}&join_request={join_request(40_000)}"
    async with http.ws_connect(url) as socket:
        join = SignalResponse.FromString(await socket.receive_bytes()).join
        assert len(join.participant.metadata) == 40_000


@pytest.mark.parametrize(
    ("grant", "status", "text"),
    [
        ({"room_join": False}, 401, "permissions denied"),
        ({"room": ""}, 400, "room name cannot be empty"),
        ({"identity": ""}, 400, "participant identity cannot be empty"),
        ({"room": "x" * 300}, 400, "room name length exceeds limits"),
        ({"lifetime_s": -120}, 401, "invalid authorization token"),
    ],
)
async def test_a_refusal_has_its_status_and_words_on_every_door(
    server: Served,
    http: aiohttp.ClientSession,
    grant: dict[str, object],
    status: int,
    text: str,
) -> None:
    token = server.token(**grant)  # type: ignore[arg-type]
    query = f"?access_token={token}&join_request={join_request()}"
    for path in ("/rtc", "/rtc/v1"):
        assert await refused(http, f"{server.url}{path}{query}") == status
        async with http.get(f"{server.url}{path}/validate{query}", headers=ORIGIN) as response:
            assert (response.status, await response.text()) == (status, text)
            assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert not server.hub.rooms


async def test_validation_says_success_and_makes_no_room(
    server: Served, http: aiohttp.ClientSession
) -> None:
    query = f"access_token={server.token()}&join_request={join_request()}"
    for path in ("/rtc/validate", "/rtc/v1/validate"):
        async with http.get(f"{server.url}{path}?{query}") as response:
            assert (response.status, await response.text()) == (200, "success")
    assert not server.hub.rooms


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {}, 401),
        ("?access_token=nonsense", {}, 401),
        ("", {"Authorization": "Basic abc"}, 401),
        ("", {"Authorization": "Bearer "}, 401),
    ],
)
async def test_without_a_token_nobody_joins(
    server: Served,
    http: aiohttp.ClientSession,
    query: str,
    headers: dict[str, str],
    status: int,
) -> None:
    assert await refused(http, f"{server.url}/rtc{query}", headers=headers) == status
    async with http.get(f"{server.url}/rtc/validate{query}", headers=headers) as response:
        assert response.status == status


async def test_the_new_path_without_a_join_request_is_a_bad_request(
    server: Served, http: aiohttp.ClientSession
) -> None:
    assert await refused(http, f"{server.url}/rtc/v1?access_token={server.token()}") == 400


async def test_a_plain_get_of_a_socket_is_not_found(
    server: Served, http: aiohttp.ClientSession
) -> None:
    for path in ("/rtc", "/rtc/v1", "/settings/regions", "/agent"):
        async with http.get(server.url + path, headers=ORIGIN) as response:
            assert response.status == 404
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert "requested room does not exist" not in await response.text()


async def test_any_page_may_ask_with_any_header(
    server: Served, http: aiohttp.ClientSession
) -> None:
    headers = {
        **ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-anything",
    }
    url = f"{server.url}/twirp/livekit.RoomService/ListRooms"
    async with http.options(url, headers=headers) as response:
        assert response.status == 200
        assert "x-anything" in response.headers["Access-Control-Allow-Headers"]


async def test_a_room_that_does_not_exist_is_told_before_the_upgrade(
    http: aiohttp.ClientSession,
) -> None:
    async with served("room: {auto_create: false}") as server:
        token = server.token()
        assert await refused(http, f"{server.url}/rtc?access_token={token}") == 404
        async with http.get(f"{server.url}/rtc/validate?access_token={token}") as response:
            assert (response.status, await response.text()) == (
                404,
                "requested room does not exist",
            )


@pytest.mark.parametrize("frame", [b"\xff\xff\xff", b"\x0a\xff\xff\xff\xff\x7f"])
async def test_a_frame_that_is_none_is_told_and_the_connection_closed(
    server: Served, http: aiohttp.ClientSession, frame: bytes
) -> None:
    async with http.ws_connect(f"{server.url}/rtc?access_token={server.token()}") as socket:
        await socket.send_bytes(frame)
        responses = [
            SignalResponse.FromString(message.data)
            async for message in socket
            if message.type is aiohttp.WSMsgType.BINARY
        ]
        assert responses[-1].HasField("leave")
        assert socket.close_code == 1003


async def test_a_text_frame_that_is_no_json_is_told_in_json(
    server: Served, http: aiohttp.ClientSession
) -> None:
    async with http.ws_connect(f"{server.url}/rtc?access_token={server.token()}") as socket:
        await socket.send_str("{" * 100)
        frames = [
            message.data async for message in socket if message.type is aiohttp.WSMsgType.TEXT
        ]
        assert "leave" in json.loads(frames[-1])


async def test_a_frame_that_is_too_large_closes_the_connection(
    server: Served, http: aiohttp.ClientSession
) -> None:
    async with http.ws_connect(f"{server.url}/rtc?access_token={server.token()}") as socket:
        await socket.send_bytes(b"x" * (2 * 1024 * 1024 + 1))
        async for _ in socket:
            pass
        assert socket.close_code == 1009


async def test_the_server_may_live_under_a_path(http: aiohttp.ClientSession) -> None:
    async with served("path: /livekit") as server:
        assert server.url.endswith("/livekit")
        url = f"{server.url}/rtc?access_token={server.token()}"
        async with http.ws_connect(url) as socket:
            assert SignalResponse.FromString(await socket.receive_bytes()).HasField("join")
        async with http.get(f"{server.url}/rtc/validate") as response:
            assert response.status == 401


async def test_metrics_are_shown_on_their_own_port_only(
    server: Served, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{server.url}/metrics") as response:
        assert response.status == 404
