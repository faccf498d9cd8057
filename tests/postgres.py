"""A real PostgreSQL of Debian's, in a temporary folder on its own port, as another user than root.

It refuses to run as root, and data that root owns is none of its own. Commits are on the disk
unless a test says that it is not about that.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from tests.https.pebble import free_port, until
from tests.programs import need

OWNER = "moim"
ACCOUNT = "postgres"
"""The system account that Debian's package brings; only root can become it."""
START_S = 30


class Postgres:
    """One database server; its data and its port stay the same over `kill` and `start`."""

    def __init__(self, *, durable: bool = True, folder: Path | None = None) -> None:
        """`folder` is an empty one of a disk of one's own choice."""
        self._bin = Path(need("postgres")).resolve().parent
        self._account = ACCOUNT if os.geteuid() == 0 else None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="moim-postgres-"))
        if self._account is not None:
            shutil.chown(self.folder, self._account)
        self.port = free_port()
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        made = [f"{self._bin}/initdb", "--pgdata", f"{self.folder}/data", "--username", OWNER]
        trust = ["--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run(
            [*made, *trust],
            check=True,
            capture_output=True,
            user=self._account,
            cwd=self.folder,
        )

    def url(self, name: str = "postgres") -> str:
        """The address of a database, as `MOIM_DATABASE_URL` takes it."""
        return f"postgresql+asyncpg://{OWNER}@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "max_connections": "60",
            "shared_buffers": "32MB",
            "fsync": "on" if self._durable else "off",
        }
        words = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.folder / "data", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._account,
                cwd=self.folder,
            )
        ready = [f"{self._bin}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        until(
            lambda: subprocess.run(ready, check=False).returncode == 0,
            "PostgreSQL answers",
            START_S,
        )

    def stop(self) -> None:
        """At once, without waiting for who is connected; nothing committed is lost."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """As if the power had gone, for all of its processes."""
        self._end(signal.SIGQUIT)

    @property
    def runs(self) -> bool:
        """False when it was stopped, or has stopped by itself."""
        return self._process is not None and self._process.poll() is None

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(START_S)
            self._process = None

    def remove(self) -> None:
        """Stop it and delete its data."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def do(self, statement: str, name: str = "postgres") -> None:
        """One statement outside of any transaction."""
        connection = await asyncpg.connect(
            host="127.0.0.1", port=self.port, user=OWNER, database=name
        )
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def running(*, durable: bool = True) -> Iterator[Postgres]:
    """A server for as long as the block lasts."""
    server = Postgres(durable=durable)
    try:
        server.start()
        yield server
    finally:
        server.remove()
