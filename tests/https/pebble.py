"""Debian's pebble, a real ACME authority, with a DNS of its own; and moim as a process in front.

Pebble really looks: it asks its DNS for the name, goes there, and wants the right answer.
"""

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from cryptography import x509

from moim.lan import LanHost, ensure_certificates
from moim.settings import Settings, variable_of
from tests.programs import need

NAME = "meet.example.test"
REFUSED_NAME = "meet.refused.test"
PATIENCE_S = 120


def free_port() -> int:
    """A TCP port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(true: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def listening(port: int) -> bool:
    """Whether somebody takes connections there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@dataclass
class Pebble:
    """A running authority."""

    folder: Path
    ca: Path
    port: int
    management_port: int
    http_port: int
    names_port: int

    @property
    def directory(self) -> str:
        return f"https://localhost:{self.port}/dir"

    def root(self) -> bytes:
        """The certificate that vouches for those that it issues; it is new at each start."""
        trusting = ssl.create_default_context(cafile=str(self.ca))
        address = f"https://localhost:{self.management_port}/roots/0"
        with urllib.request.urlopen(address, context=trusting, timeout=10) as answer:
            return bytes(answer.read())

    def trusting(self) -> ssl.SSLContext:
        """A browser that trusts this authority, and no other."""
        return ssl.create_default_context(cadata=self.root().decode())

    def lead(self, address: str) -> None:
        """Let every name lead to an IPv4 address; "" is to none."""
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.names_port}/set-default-ipv4",
            data=json.dumps({"ip": address}).encode(),
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert answer.status == 200


@contextmanager
def pebble(folder: Path, *, http_port: int | None = None, **environment: str) -> Iterator[Pebble]:
    """Start it; `environment` holds settings of pebble's own."""
    program, names_program = need("pebble"), need("pebble-challtestsrv")
    folder.mkdir(parents=True, exist_ok=True)
    made = ensure_certificates(folder, LanHost("localhost", ()), datetime.now(UTC))
    dns, here = (
        free_port(),
        Pebble(folder, made.ca, free_port(), free_port(), http_port or free_port(), free_port()),
    )
    config = folder / "pebble.json"
    settings = {
        "listenAddress": f"127.0.0.1:{here.port}",
        "managementListenAddress": f"127.0.0.1:{here.management_port}",
        "certificate": str(made.server),
        "privateKey": str(made.server),
        "httpPort": here.http_port,
        "tlsPort": free_port(),
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        "domainBlocklist": [REFUSED_NAME],
    }
    config.write_text(json.dumps({"pebble": settings}))
    names = [names_program, "-dns01", f"127.0.0.1:{dns}", "-http01", "", "-https01", ""]
    names += ["-tlsalpn01", "", "-management", f"127.0.0.1:{here.names_port}", "-defaultIPv6", ""]
    env = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}
    running = [_started(names, folder / "names.log", {})]
    try:
        until(lambda: listening(here.names_port), "the DNS of pebble")
        command = [program, "-config", str(config), "-dnsserver", f"127.0.0.1:{dns}"]
        running.append(_started(command, folder / "pebble.log", {**env, **environment}))
        until(lambda: listening(here.port), "pebble")
        yield here
    finally:
        for process in running:
            process.kill()
            process.wait()


def _started(
    command: list[str], log: Path, environment: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    with log.open("wb") as out:
        return subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **environment})


@dataclass
class Moim:
    """moim as a process; `said` is all of its lines, those of its log included."""

    process: "subprocess.Popen[str]"
    port: int
    http_port: int
    data_dir: Path
    said: list[str] = field(default_factory=list)

    def says(self, pattern: str) -> bool:
        return any(re.search(pattern, line) for line in self.said)

    def heard(self, pattern: str) -> None:
        """Wait for a line."""

        def found() -> bool:
            assert self.process.poll() is None or self.says(pattern), "\n".join(self.said)
            return self.says(pattern)

        try:
            until(found, pattern)
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(self.said)) from None

    def shown(self, name: str = NAME) -> x509.Certificate:
        """The certificate that a new connection gets."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", self.port), 10) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            shown = secure.getpeercert(binary_form=True)
        assert shown is not None
        return x509.load_der_x509_certificate(shown)

    def ask_plain(self, path: str, host: str = NAME) -> tuple[int, dict[str, str], bytes]:
        """Ask the port for plain HTTP, and follow nothing."""
        from http.client import HTTPConnection

        connection = HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        connection.request("GET", path, headers={"host": host})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, body


@contextmanager
def moim(data_dir: Path, *options: str, **settings: str) -> Iterator[Moim]:
    """Start moim itself with options and settings; ports are free ones unless they are given."""
    ours = {variable_of(name) for name in Settings.model_fields}
    port = int(settings.get("port") or free_port())
    http_port = int(settings.get("http_port") or free_port())
    given = {"port": str(port), "http_port": str(http_port), "stun": "off", **settings}
    env = {name: value for name, value in os.environ.items() if name not in ours}
    env |= {variable_of(name): value for name, value in given.items()}
    env |= {"MOIM_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "moim", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=env,
    )
    made = Moim(process, port, http_port, data_dir)
    out = process.stdout
    assert out is not None
    reading = Thread(target=lambda: made.said.extend(line.rstrip("\n") for line in out))
    reading.start()
    try:
        yield made
    finally:
        process.kill()
        process.wait()
        reading.join(10)
        out.close()
