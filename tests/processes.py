"""The real server in a process of its own: started, killed and started again on one port."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_S = 30.0


def free_port() -> int:
    """A TCP port that nobody has at this moment, and whose UDP twin is free too."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class MoimProcess:
    """`python -m moim serve` with a data folder and a port that outlive it."""

    def __init__(self, data_dir: Path, port: int | None = None, **settings: str) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.settings = {f"MOIM_{name.upper()}": value for name, value in settings.items()}
        self.process: subprocess.Popen[bytes] | None = None
        self.log = data_dir.parent / f"{data_dir.name}.log"

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> "MoimProcess":
        """Start it and wait until it answers. Raises: AssertionError with what it said."""
        command = [sys.executable, "-m", "moim", "serve", "--port", str(self.port)]
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MOIM_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--data-dir", str(self.data_dir)],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**kept, **self.settings},
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            said = self.log.read_text(errors="replace")
            assert self.process.poll() is None, f"moim stopped:\n{said[-4000:]}"
            assert time.monotonic() < deadline, (
                f"moim did not answer in {START_S} s:\n{said[-4000:]}"
            )
            time.sleep(0.05)
        return self

    def kill(self) -> None:
        """SIGKILL: no goodbye, no last write."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """Ask it to stop, as Ctrl-C does."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
            self.process = None

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


@contextmanager
def running(data_dir: Path, port: int | None = None, **settings: str) -> Iterator[MoimProcess]:
    """A started server that is gone afterwards, whatever happened to it."""
    server = MoimProcess(data_dir, port, **settings)
    try:
        yield server.start()
    finally:
        server.kill()
