"""Both ends over real SSH: what is carried, what is refused, and how a tunnel ends."""

import asyncio
from pathlib import Path

import asyncssh
import pytest

from moim.tunnel.client.host_keys import HostKeys
from moim.tunnel.errors import TunnelError, TunnelLost
from moim.tunnel.server.limits import Limits
from moim.tunnel.server.program import TunnelServer
from tests.tunnel.world import (
    DEADLINE_S,
    HOST,
    Laptop,
    browser,
    host_of,
    public,
    tunnel_server,
    until,
)


async def connect(server: TunnelServer, key: asyncssh.SSHKey) -> asyncssh.SSHClientConnection:
    """A plain SSH client, which asks for whatever a test likes."""
    return await asyncssh.connect(
        HOST,
        server.ssh_port,
        config=None,
        known_hosts=None,
        username="mina",
        client_keys=[key],
        agent_path=None,
    )


async def test_a_page_comes_through_the_tunnel(server: TunnelServer, laptop: Laptop) -> None:
    async with laptop.at(server) as url, browser(server) as web:
        assert url == "http://mina.tunnels.test"
        page = await web.get("/hello?a=b", headers=host_of(url))
        assert page.text.startswith("GET /hello?a=b HTTP/1.1\r\n")


async def test_many_requests_share_one_line_and_bodies_of_any_size_pass(
    server: TunnelServer, laptop: Laptop
) -> None:
    body = bytes(range(256)) * 8000  # more than every buffer on the way
    async with laptop.at(server) as url, browser(server) as web:
        for _ in range(3):
            page = await web.post("/", content=body, headers=host_of(url))
            assert page.content.endswith(body)
        (line,) = laptop.local.visitors.values()
        assert line == HOST


async def test_a_name_of_ones_own_is_had_beside_the_first(
    server: TunnelServer, laptop: Laptop
) -> None:
    async with laptop.at(server) as first, laptop.at(server, "tea") as second:
        assert (first, second) == ("http://mina.tunnels.test", "http://tea-mina.tunnels.test")


async def test_a_plain_ssh_client_has_a_tunnel_too(server: TunnelServer, laptop: Laptop) -> None:
    server.users.add("mina", public(laptop.key))
    async with await connect(server, laptop.key) as connection, browser(server) as web:
        await connection.forward_remote_port("localhost", 80, HOST, laptop.local.port)
        page = await web.get("/", headers={"host": "mina.tunnels.test"})
        assert page.status_code == 200


async def test_an_unknown_key_is_refused_with_what_to_do(
    server: TunnelServer, laptop: Laptop
) -> None:
    with pytest.raises(TunnelError, match="add the key that `moim tunnel key` prints") as refused:
        await laptop.tunnel(server.ssh_port).hold(laptop.ups.append)
    assert refused.value.code == "tunnel_key_refused"
    assert not isinstance(refused.value, TunnelLost)


async def test_neither_password_nor_nothing_opens_the_door(server: TunnelServer) -> None:
    with pytest.raises(asyncssh.PermissionDenied):
        await asyncssh.connect(
            HOST,
            server.ssh_port,
            config=None,
            known_hosts=None,
            username="mina",
            password="tea",
            client_keys=None,
            agent_path=None,
        )


async def test_there_is_no_shell_no_command_no_terminal_and_no_files(
    server: TunnelServer, laptop: Laptop
) -> None:
    server.users.add("mina", public(laptop.key))
    for asks in (
        {},
        {"command": "id"},
        {"term_type": "xterm"},
        {"subsystem": "sftp"},
    ):
        async with await connect(server, laptop.key) as connection:
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.create_process(**asks)


async def test_no_other_forwarding_is_offered(server: TunnelServer, laptop: Laptop) -> None:
    server.users.add("mina", public(laptop.key))
    async with await connect(server, laptop.key) as connection:
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.open_connection(HOST, laptop.local.port)
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.open_unix_connection("/run/docker.sock")
        with pytest.raises(asyncssh.ChannelListenError):
            await connection.forward_remote_port("localhost", 2222, HOST, laptop.local.port)
        with pytest.raises(asyncssh.ChannelListenError):
            await connection.forward_remote_path("/run/moim.sock", "/run/moim.sock")
        with pytest.raises(asyncssh.ChannelListenError):
            await connection.forward_remote_port("..", 80, HOST, laptop.local.port)
        # What is offered is still there after all that.
        await connection.forward_remote_port("localhost", 80, HOST, laptop.local.port)


async def test_who_keeps_asking_for_what_there_is_not_is_shown_out(
    tmp_path: Path, laptop: Laptop
) -> None:
    async with tunnel_server(tmp_path / "server", limits=Limits(refusals=3)) as server:
        server.users.add("mina", public(laptop.key))
        connection = await connect(server, laptop.key)
        for _ in range(3):
            with pytest.raises(asyncssh.Error):
                await connection.open_connection(HOST, laptop.local.port)
        async with asyncio.timeout(DEADLINE_S):
            await connection.wait_closed()


async def test_who_asks_for_no_tunnel_is_not_kept(tmp_path: Path, laptop: Laptop) -> None:
    async with tunnel_server(tmp_path / "server", limits=Limits(claim_s=0.05)) as server:
        server.users.add("mina", public(laptop.key))
        connection = await connect(server, laptop.key)
        async with asyncio.timeout(DEADLINE_S):
            await connection.wait_closed()


async def test_one_user_has_so_many_tunnels_and_no_more(tmp_path: Path, laptop: Laptop) -> None:
    limits = Limits(tunnels_per_user=2)
    async with (
        tunnel_server(tmp_path / "server", limits=limits) as server,
        laptop.at(server),
        laptop.at(server, "tea"),
    ):
        with pytest.raises(TunnelError) as refused:
            await laptop.tunnel(server.ssh_port, "cake").hold(laptop.ups.append)
        assert refused.value.code == "tunnel_refused"


async def test_too_many_log_ins_without_a_key_are_not_heard(tmp_path: Path, laptop: Laptop) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    limits = Limits(logins_per_minute=2)
    async with tunnel_server(tmp_path / "server", limits=limits) as server:
        for _ in range(2):
            with pytest.raises(asyncssh.PermissionDenied):
                await connect(server, stranger)
        with pytest.raises((asyncssh.ConnectionLost, ConnectionError)):
            await connect(server, stranger)


async def test_a_host_key_is_held_to_once_it_was_seen(tmp_path: Path, laptop: Laptop) -> None:
    async with tunnel_server(tmp_path / "one") as server, laptop.at(server):
        port = server.ssh_port
        assert HostKeys(laptop.folder).hosts() == [(HOST, port)]
    async with tunnel_server(tmp_path / "other", ssh_port=port) as impostor:
        impostor.users.add("mina", public(laptop.key))
        with pytest.raises(TunnelError, match="shows another key than before") as refused:
            await laptop.tunnel(port).hold(laptop.ups.append)
        assert refused.value.code == "tunnel_host_key_changed"
        assert str(laptop.folder / "known_hosts") in str(refused.value)
        assert len(impostor.tunnels) == 0


async def test_a_demanded_fingerprint_is_the_only_one(server: TunnelServer, laptop: Laptop) -> None:
    server.users.add("mina", public(laptop.key))
    wrong = laptop.tunnel(server.ssh_port, demanded="SHA256:" + "A" * 43)
    with pytest.raises(TunnelError) as refused:
        await wrong.hold(laptop.ups.append)
    assert refused.value.code == "tunnel_host_key_unexpected"
    assert HostKeys(laptop.folder).hosts() == []
    right = laptop.tunnel(server.ssh_port, demanded=server.fingerprint)
    holding = asyncio.ensure_future(right.hold(laptop.ups.append))
    await until(lambda: bool(laptop.ups))
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)


async def test_the_newest_connection_has_the_name_and_the_older_one_is_told(
    server: TunnelServer, laptop: Laptop
) -> None:
    server.users.add("mina", public(laptop.key))
    older = asyncio.ensure_future(laptop.tunnel(server.ssh_port).hold(laptop.ups.append))
    await until(lambda: len(laptop.ups) == 1)
    async with laptop.at(server) as url, browser(server) as web:
        with pytest.raises(TunnelError) as ended:
            await asyncio.wait_for(older, DEADLINE_S)
        assert ended.value.code == "tunnel_replaced"
        assert (await web.get("/", headers=host_of(url))).status_code == 200


async def test_a_removed_user_loses_the_tunnel(server: TunnelServer, laptop: Laptop) -> None:
    server.users.add("mina", public(laptop.key))
    holding = asyncio.ensure_future(laptop.tunnel(server.ssh_port).hold(laptop.ups.append))
    await until(lambda: bool(laptop.ups))
    assert server.users.remove("mina") == 1
    with pytest.raises(TunnelError) as ended:
        await asyncio.wait_for(holding, DEADLINE_S)
    assert ended.value.code == "tunnel_key_refused"
    assert len(server.tunnels) == 0


async def test_a_server_that_stops_says_that_it_comes_back(tmp_path: Path, laptop: Laptop) -> None:
    async with tunnel_server(tmp_path / "server") as server:
        server.users.add("mina", public(laptop.key))
        holding = asyncio.ensure_future(laptop.tunnel(server.ssh_port).hold(laptop.ups.append))
        await until(lambda: bool(laptop.ups))
    with pytest.raises(TunnelLost) as lost:
        await asyncio.wait_for(holding, DEADLINE_S)
    assert lost.value.code == "tunnel_lost"


async def test_a_tunnel_that_ends_is_gone_from_the_front_door(
    server: TunnelServer, laptop: Laptop
) -> None:
    async with browser(server) as web:
        async with laptop.at(server) as url:
            pass
        await until(lambda: len(server.tunnels) == 0)
        gone = await web.get("/", headers=host_of(url))
        assert gone.status_code == 404
        assert "moim" in gone.text


async def test_a_machine_that_does_not_answer_is_lost_not_refused(laptop: Laptop) -> None:
    silent = await asyncio.start_server(lambda _r, w: w.close(), HOST, 0)
    port = silent.sockets[0].getsockname()[1]
    with pytest.raises(TunnelLost):
        await laptop.tunnel(port).hold(laptop.ups.append)
    silent.close()
    with pytest.raises(TunnelLost) as lost:
        await laptop.tunnel(port).hold(laptop.ups.append)
    assert lost.value.code == "tunnel_unreachable"
