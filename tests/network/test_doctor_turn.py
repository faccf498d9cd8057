"""The doctor against Debian's coturn: a real allocation over each way, and each fault in words."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest

from moim.doctor import BAD, OK, relay
from moim.lan import LanHost, ensure_certificates
from moim.media.turn import CoturnOptions, coturn_config
from moim.settings import load_settings
from tests.programs import need

pytestmark = pytest.mark.network

SECRET = "between-moim-and-the-turn-server-alone"
DEADLINE_S = 30


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@dataclass(frozen=True)
class Coturn:
    """A running server, and who signed its certificate."""

    port: int
    tls_port: int
    trusting: ssl.SSLContext

    @property
    def urls(self) -> tuple[str, str, str]:
        return (
            f"turn:127.0.0.1:{self.port}",
            f"turn:127.0.0.1:{self.port}?transport=tcp",
            f"turns:127.0.0.1:{self.tls_port}",
        )


def started(folder: Path, options: CoturnOptions, without: str = "") -> subprocess.Popen[bytes]:
    file = folder / "turnserver.conf"
    kept = [line for line in coturn_config(options).splitlines() if not line.startswith("denied-")]
    file.write_text("\n".join([*kept, without, ""]) if without else coturn_config(options))
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [need("turnserver"), "-c", str(file)], stdout=log, stderr=subprocess.STDOUT
        )
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", options.port)) == 0:
                return server
        time.sleep(0.05)
    server.kill()
    server.wait()
    raise AssertionError((folder / "log").read_text(errors="replace")[-2000:])


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> CoturnOptions:
    folder = tmp_path_factory.mktemp("coturn")
    host = LanHost("turn", (ip_address("127.0.0.1"),))
    made = ensure_certificates(folder, host, datetime.now(UTC))
    return CoturnOptions(
        secret=SECRET,
        realm="turn.example.org",
        port=free_port(),
        tls_port=free_port(),
        cert=made.server,
        key=made.server,
        listening_ips=("127.0.0.1",),
        relay_ips=("127.0.0.1",),
        log="stdout",
        state_dir=folder,
    )


@pytest.fixture(scope="module")
def coturn(options: CoturnOptions) -> Iterator[Coturn]:
    assert options.state_dir is not None
    server = started(options.state_dir, options)
    try:
        trusting = ssl.create_default_context(cafile=str(options.state_dir / "moim-ca.crt"))
        yield Coturn(options.port, options.tls_port, trusting)
    finally:
        server.kill()
        server.wait()


async def test_it_gets_a_relayed_address_over_udp_tcp_and_tls(
    tmp_path: Path, coturn: Coturn
) -> None:
    settings = load_settings(data_dir=tmp_path, turn_urls=coturn.urls, turn_secret=SECRET)
    findings = [one async for one in relay.examine(settings, tls=coturn.trusting)]
    assert [(one.level, one.words) for one in findings] == [
        (OK, f"{url} relays with 127.0.0.1") for url in coturn.urls
    ]


async def test_a_wrong_secret_is_named(coturn: Coturn) -> None:
    finding = await relay.relays(coturn.urls[0], "x" * 32)
    assert finding.level == BAD
    assert "MOIM_TURN_SECRET" in finding.words


async def test_a_certificate_that_nobody_trusts_is_named(coturn: Coturn) -> None:
    finding = await relay.relays(coturn.urls[2], SECRET)
    assert finding.level == BAD
    assert "will not trust its certificate" in finding.words


async def test_a_port_without_tls_is_named(coturn: Coturn) -> None:
    (listener,) = [socket.create_server(("127.0.0.1", 0))]
    with listener:
        url = f"turns:127.0.0.1:{listener.getsockname()[1]}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(relay, "PATIENCE_S", 0.2)
            finding = await relay.relays(url, SECRET)
    assert finding.level == BAD
    assert "does not answer" in finding.words


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("turn:127.0.0.1:{port}?transport=tcp", "is closed"),
        ("turns:127.0.0.1:{port}", "is closed"),
        ("turn:127.0.0.1:{port}", "does not answer"),
        ("turn:no-such-host.invalid:{port}", "DNS record"),
    ],
)
async def test_a_server_that_is_not_there_is_named_with_its_port(
    monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    monkeypatch.setattr(relay, "PATIENCE_S", 1)
    finding = await relay.relays(url.format(port=free_port()), SECRET)
    assert finding.level == BAD
    assert words in finding.words


async def test_a_server_that_relays_inside_is_a_fault(
    tmp_path: Path, options: CoturnOptions
) -> None:
    open_one = replace(options, port=free_port(), tls_port=free_port(), state_dir=tmp_path)
    server = started(tmp_path, open_one, "allow-loopback-peers\ncli-password=unused")
    try:
        finding = await relay.relays(f"turn:127.0.0.1:{open_one.port}", SECRET)
    finally:
        server.kill()
        server.wait()
    assert finding.level == BAD
    assert "127.0.0.1, 10.0.0.1, 169.254.169.254" in finding.words
    assert "moim turn-config" in finding.words
