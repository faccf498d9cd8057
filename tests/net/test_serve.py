"""The server as a process: what it says, that it is reached, and how it ends."""

import asyncio
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from moim.addresses import last_url
from moim.listening import ListenError, listen
from moim.serve import _listeners, run
from moim.settings import Settings, load_settings, variable_of
from tests.net.test_stun import decode, mapped_address, request

TINY = Path(__file__).parent / "programs" / "tiny.py"


@contextmanager
def running(data_dir: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Start the small server and read its lines until it says that it can be stopped."""
    names = {variable_of(field) for field in Settings.model_fields}
    process = subprocess.Popen(
        [sys.executable, str(TINY), str(data_dir), "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name not in names},
    )
    assert process.stdout is not None
    try:
        said: list[str] = []
        for line in process.stdout:
            said.append(line.rstrip("\n"))
            if line.startswith("Ctrl-C"):
                break
        yield process, said
    finally:
        process.kill()
        process.communicate()


def address(said: list[str]) -> str:
    return next(line.split()[1] for line in said if line.startswith("Open"))


def test_each_step_is_a_line_with_its_time_and_the_address_comes_last(tmp_path: Path) -> None:
    with running(tmp_path) as (_, said):
        steps = ("data folder ready", "program loaded", "database ready", "ready")
        for line, step in zip(said, steps, strict=False):
            assert re.fullmatch(rf"{step} \d+\.\d\d s", line)
        assert re.fullmatch(r"http://localhost:\d+", address(said))
        assert "█" not in "".join(said)  # no code to localhost: a phone cannot open it
        assert httpx.get(f"{address(said)}/hello").text == "http /hello 127.0.0.1"


def test_another_process_knows_by_which_address_the_server_is_reached(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    assert last_url(settings) == "http://localhost:3000"
    with running(tmp_path) as (_, said):
        assert last_url(settings) == address(said)
    public = load_settings(data_dir=tmp_path, public_url="https://meet.example")
    assert last_url(public) == "https://meet.example"


def test_ctrl_c_ends_open_connections_within_two_seconds_and_without_a_word(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as (process, said):
        url = address(said)
        with (
            connect(url.replace("http", "ws") + "/ws") as socket,
            httpx.stream("GET", url + "/hang") as hanging,
        ):
            assert socket.recv(timeout=5) == "ws"
            assert hanging.status_code == 200
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=5)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012  # service restart: clients come back
            out, err = process.communicate(timeout=10)
            assert time.monotonic() - began < 2
            assert process.returncode == 0
            assert out == "app stopped\n"
            assert err == ""


def test_sigterm_is_a_clean_stop_too(tmp_path: Path) -> None:
    with running(tmp_path) as (process, _):
        process.terminate()
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "app stopped\n", "")


def test_on_the_network_https_is_trusted_through_the_ca_and_http_is_sent_there(
    tmp_path: Path,
) -> None:
    with running(tmp_path, "--lan") as (process, said):
        plain = address(said)
        secure = plain.replace("http:", "https:")
        ca = tmp_path / "lan" / "moim-ca.crt"
        trusting = ssl.create_default_context(cafile=str(ca))
        assert httpx.get(f"{secure}/a", verify=trusting).text == "https /a 127.0.0.1"
        assert httpx.get(f"{plain}/a").text == "http /a 127.0.0.1"
        with connect(secure.replace("https", "wss") + "/ws", ssl=trusting) as socket:
            assert socket.recv(timeout=5) == "wss"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(secure)
        shown = [line.strip() for line in said if line.strip().startswith("https://")]
        assert any(".local:" in url for url in shown)
        assert any("▀" in line for line in said)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "app stopped\n", "")


async def test_the_stun_port_has_the_number_of_the_pages(tmp_path: Path) -> None:
    with running(tmp_path) as (_, said):
        port = int(address(said).rpartition(":")[2])
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bytes] = loop.create_future()

        class Browser(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, _addr: object) -> None:
                answered.set_result(data)

        transport, _ = await loop.create_datagram_endpoint(Browser, remote_addr=("127.0.0.1", port))
        transport.sendto(request())
        reply = decode(await asyncio.wait_for(answered, 5))
        assert mapped_address(reply) == transport.get_extra_info("sockname")
        transport.close()


def test_a_second_port_answers_stun_unless_none_is_wanted(tmp_path: Path) -> None:
    said: list[str] = []
    wanted = {"data_dir": tmp_path, "host": "127.0.0.1", "port": 0}
    settings, listeners = _listeners(load_settings(**wanted), said.append)
    try:
        bound = [one.getsockname()[1] for one in listeners.udp]
        assert bound == [settings.stun_port, settings.stun_second_port]
        assert len(set(bound)) == 2
        taken = load_settings(**wanted, stun_second_port=settings.stun_second_port)
        other, more = _listeners(taken, said.append)
        more.close()
    finally:
        listeners.close()
    assert other.stun_second_port is None
    assert said == [f"UDP port {bound[1]} is taken: browsers cannot check their network"]
    none, alone = _listeners(load_settings(**wanted, stun_second_port="none"), said.append)
    alone.close()
    assert none.stun_second_port is None
    assert len(alone.udp) <= 1


def test_a_busy_port_stops_the_start_before_anything_else(tmp_path: Path) -> None:
    taken = listen("localhost", 0)
    said: list[str] = []
    try:
        with pytest.raises(ListenError, match="is used by another program"):
            run(load_settings(data_dir=tmp_path, port=taken.port), say=said.append)
    finally:
        taken.close()
    assert len(said) == 1
