"""STUN and TURN of a tunnel server: whose secrets are taken, and what there is without coturn."""

import asyncio
import os
import socket
import sqlite3
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from moim.lan import LanHost, ensure_certificates
from moim.listening import ListenError
from moim.media import stun
from moim.platform import is_private
from moim.tunnel.server import relay
from moim.tunnel.server.relay import Relay, RelayOptions, Secrets
from tests.browser.server import free_port
from tests.net.test_lan import NOW
from tests.programs import need
from tests.tunnel.test_cloudflared import is_running
from tests.tunnel.world import until

MINA, JOON = "SHA256:mina", "SHA256:joon"


def options(folder: Path, port: int, **more: object) -> RelayOptions:
    given = {"folder": folder, "host": "tunnels.test", "listen": "127.0.0.1", "port": port}
    return RelayOptions(**{**given, **more})  # type: ignore[arg-type]


@asynccontextmanager
async def started(made: Relay, *fingerprints: str) -> AsyncIterator[Relay]:
    await made.start(fingerprints)
    try:
        yield made
    finally:
        await made.stop()


def stored(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as database:
        return {str(value) for (value,) in database.execute("SELECT value FROM turn_secret")}


def test_each_key_has_a_secret_that_lasts_and_only_those_allowed_are_stored(
    tmp_path: Path,
) -> None:
    secrets = Secrets(tmp_path)
    mina, joon = secrets.of(MINA), secrets.of(JOON)
    assert mina != joon
    assert Secrets(tmp_path).of(MINA) == mina
    assert Secrets(tmp_path / "other").of(MINA) != mina
    secrets.allow([MINA, JOON])
    assert stored(secrets.database) == {mina, joon}
    secrets.allow([JOON])
    assert stored(secrets.database) == {joon}
    assert is_private(secrets.database)


async def test_without_coturn_moim_answers_stun_itself_and_promises_no_relay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "find", lambda: None)
    port = free_port()
    async with started(Relay(options(tmp_path, port)), MINA) as made:
        assert made.stun_urls == (f"stun:tunnels.test:{port}",)
        assert made.turn_urls == ()
        assert made.secret_of(MINA) is None
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            asking.connect(("127.0.0.1", port))
            await loop.sock_sendall(asking, stun.binding_request(b"0" * 12))
            reply = await asyncio.wait_for(loop.sock_recv(asking, 1000), 10)
        assert reply[8:20] == b"0" * 12


async def test_a_port_of_another_program_is_told_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ListenError, match="choose another one with --turn-port") as refused:
            await Relay(options(tmp_path, taken.getsockname()[1])).start([])
        assert refused.value.code == "port_busy"


def test_with_a_certificate_the_relay_speaks_tls_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "find", lambda: "turnserver")
    plain = Relay(options(tmp_path, 3478))
    assert "no-tls\n" in plain.configuration()
    assert not [url for url in plain.turn_urls if url.startswith("turns:")]
    files = {"cert": tmp_path / "cert.pem", "key": tmp_path / "key.pem"}
    secure = Relay(options(tmp_path, 3478, **files))
    assert secure.turn_urls[-1] == "turns:tunnels.test:5349?transport=tcp"
    assert f"cert={files['cert']}\n" in secure.configuration()


@pytest.mark.network
async def test_coturn_takes_the_secrets_of_those_who_are_here_and_forgets_who_goes(
    tmp_path: Path,
) -> None:
    need("turnserver")
    client, port = need("turnutils_uclient"), free_port()
    made = Relay(options(tmp_path, port))

    async def asks(fingerprint: str) -> str:
        secret = made.secret_of(fingerprint)
        assert secret is not None
        asking = await asyncio.create_subprocess_exec(
            *(client, "-y", "-c", "-n", "1", "-u", "mina", "-W", secret, "-p", str(port)),
            *("-e", "127.0.0.1", "127.0.0.1"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(asking.communicate(), 60)
        return said.decode()

    async def allocates(fingerprint: str) -> bool:
        # Its own address is no place that the relay sends to: only an allocation comes so far.
        return "error 403 (Forbidden IP)" in await asks(fingerprint)

    async with started(made, MINA):
        async with asyncio.timeout(60):
            while True:
                if await allocates(MINA):
                    break
        assert not await allocates(JOON)
        await made.allow([JOON])
        assert await allocates(JOON)
        assert not await allocates(MINA)


@pytest.mark.network
async def test_the_first_requests_find_the_database_made(tmp_path: Path) -> None:
    need("turnserver")
    async with started(Relay(options(tmp_path, free_port())), MINA) as made:
        with closing(sqlite3.connect(made.database)) as database:
            found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            assert {"turn_secret", "turnusers_lt", "denied_peer_ip"} <= {name for (name,) in found}
        assert stored(made.database) == {made.secret_of(MINA)}
        assert is_private(made.database)


@pytest.mark.network
async def test_coturn_reads_a_renewed_certificate_without_an_end(tmp_path: Path) -> None:
    need("turnserver")
    made = [
        ensure_certificates(tmp_path / name, LanHost(name, ()), NOW).server for name in ("a", "b")
    ]
    pem, port, tls_port = tmp_path / "cert.pem", free_port(), free_port()
    pem.write_bytes(made[0].read_bytes())
    relay = Relay(options(tmp_path / "relay", port, cert=pem, key=pem, tls_port=tls_port))

    async def shown() -> str:
        async with asyncio.timeout(60):
            while True:
                try:
                    place = ("127.0.0.1", tls_port)
                    return await asyncio.to_thread(ssl.get_server_certificate, place)
                except OSError:
                    await asyncio.sleep(0.1)

    async with started(relay, MINA):
        before, pid = await shown(), int((tmp_path / "relay" / "turnserver.pid").read_text())
        pem.write_bytes(made[1].read_bytes())
        relay.renewed()
        async with asyncio.timeout(60):
            while True:
                if await shown() != before:
                    break
                await asyncio.sleep(0.1)
        os.kill(pid, 0)  # still there
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.network
async def test_a_killed_server_leaves_no_relay_behind(tmp_path: Path) -> None:
    need("turnserver")
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from moim.tunnel.server.relay import Relay, RelayOptions\n"
        "async def main():\n"
        "    given = RelayOptions(folder=Path(sys.argv[1]), host='tunnels.test',\n"
        "                         listen='127.0.0.1', port=int(sys.argv[2]))\n"
        "    await Relay(given).start([])\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(tmp_path), str(free_port()))
    )
    file = tmp_path / "turnserver.pid"
    await until(lambda: file.exists() and file.read_text().strip() != "")
    pid = int(file.read_text())
    os.kill(pid, 0)
    server.kill()
    await server.wait()
    await until(lambda: not is_running(pid))
