"""A real Redis of Debian's on its own port, keeping nothing."""

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redis import Redis
from redis.exceptions import RedisError

from tests.https.pebble import free_port, until
from tests.programs import need


class RedisServer:
    """One server; its port stays the same over `stop` and `start`."""

    def __init__(self) -> None:
        self._program = need("redis-server")
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As `MOIM_REDIS_URL` takes it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"]
        self._process = subprocess.Popen(
            [self._program, *words],
            cwd=tempfile.gettempdir(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._answers, "Redis answers")

    def _answers(self) -> bool:
        with Redis.from_url(self.url) as client, suppress(RedisError, OSError):
            return bool(client.ping())
        return False

    def stop(self) -> None:
        """At once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None


@contextmanager
def running() -> Iterator[RedisServer]:
    """A server for as long as the block lasts."""
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.stop()
