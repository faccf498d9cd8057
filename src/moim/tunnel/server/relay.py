"""STUN and TURN for the calls of those who have a tunnel here.

A tunnel carries pages and signals; pictures and sound go from browser to browser by UDP, and need a
server that both can ask for their addresses, and for some networks one that relays. coturn does
both where it is installed; otherwise moim answers STUN itself, and there is no relay.

Each key that may open a tunnel has a secret of its own, derived from this server's. The moim behind
the tunnel signs short-lived credentials for its participants with it. coturn reads the secrets from
a database, so that somebody who is removed here loses the relay at once.
"""

import asyncio
import hashlib
import hmac
import os
import secrets
import shutil
import signal
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from moim import platform
from moim.listening import ListenError, listen_udp
from moim.media.stun import StunServer
from moim.media.turn import CoturnOptions, coturn_config

PROGRAM: Final = "turnserver"
ADMIN: Final = "turnadmin"
KEY_FILE: Final = "turn.key"
REALM: Final = "moim-tunnels"
PID_FILE: Final = "turnserver.pid"
STOP_S: Final = 8
AGAIN_S: Final = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayOptions:
    """Where it listens, and what of it is told to browsers."""

    folder: Path
    host: str
    """The name under which browsers reach this machine."""
    listen: str = "0.0.0.0"  # noqa: S104 - a relay is for everybody
    port: int = 3478
    external_ip: str | None = None
    cert: Path | None = None
    key: Path | None = None
    tls_port: int = 5349
    min_port: int = 49_152
    max_port: int = 65_535


def find() -> str | None:
    """Where coturn is; the system's own folders count, which a plain PATH may leave out."""
    return shutil.which(PROGRAM) or shutil.which(PROGRAM, path="/usr/sbin:/usr/bin:/usr/local/bin")


class Secrets:
    """The secrets of those who have tunnels, and the database in which coturn finds them."""

    def __init__(self, folder: Path) -> None:
        platform.private_folder(folder)
        path = folder / KEY_FILE
        platform.create_private_file(path, secrets.token_hex(32).encode())
        self._key = path.read_bytes()
        self.database = folder / "turndb"

    def make(self) -> None:
        """Make the file of the database, for this account alone, unless it is there."""
        if not self.database.exists():
            platform.create_private_file(self.database, b"")

    def of(self, fingerprint: str) -> str:
        """The secret of a key."""
        return hmac.new(self._key, f"turn {fingerprint}".encode(), hashlib.sha256).hexdigest()

    def allow(self, fingerprints: Iterable[str]) -> None:
        """Let these have the relay, and nobody else.

        Source: coturn's `schema.sql`: table `turn_secret`, read at each authentication.
        """
        wanted = [(REALM, self.of(one)) for one in fingerprints]
        self.make()
        with closing(sqlite3.connect(self.database, timeout=5)) as database, database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS turn_secret "
                "(realm varchar(127) default '', value varchar(127), primary key (realm,value))"
            )
            database.execute("DELETE FROM turn_secret")
            database.executemany("INSERT INTO turn_secret (realm, value) VALUES (?, ?)", wanted)


class Relay:
    """Runs coturn, or answers STUN alone."""

    def __init__(self, options: RelayOptions) -> None:
        self._options = options
        self._program = find()
        self._secrets = Secrets(options.folder)
        self._running: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._stun = StunServer()

    @property
    def database(self) -> Path:
        """Where coturn looks up who may."""
        return self._secrets.database

    @property
    def relays(self) -> bool:
        """Whether there is TURN, not only STUN."""
        return self._program is not None

    @property
    def stun_urls(self) -> Sequence[str]:
        """RFC 7064."""
        return (f"stun:{self._place}:{self._options.port}",)

    @property
    def turn_urls(self) -> Sequence[str]:
        """RFC 7065: UDP first, TCP for networks that let no UDP out, TLS for those that look."""
        if not self.relays:
            return ()
        here, place = self._options, f"{self._place}:{self._options.port}"
        secure = [f"turns:{self._place}:{here.tls_port}?transport=tcp"] if here.cert else []
        return (f"turn:{place}?transport=udp", f"turn:{place}?transport=tcp", *secure)

    @property
    def _place(self) -> str:
        host = self._options.host
        return f"[{host}]" if ":" in host else host

    def secret_of(self, fingerprint: str) -> str | None:
        """What the owner of a key signs credentials with."""
        return self._secrets.of(fingerprint) if self.relays else None

    async def start(self, fingerprints: Iterable[str]) -> None:
        """Begin. Raises: ListenError when the port cannot be had."""
        try:
            sockets = listen_udp(self._options.listen, self._options.port)
        except ListenError as error:
            raise ListenError(
                error.code,
                f"UDP port {self._options.port} for calls cannot be had. If coturn runs as a "
                "service of its own, stop that; or choose another one with --turn-port.",
            ) from None
        if self._program is None:
            await self._stun.start(sockets)
            return
        # coturn itself would go on without a port that it cannot have.
        for one in sockets:
            one.close()
        await self._lay_out(self._program)
        await self.allow(fingerprints)
        self._running = asyncio.create_task(self._keep(self._program))

    async def allow(self, fingerprints: Iterable[str]) -> None:
        """Let the owners of these keys have the relay, and nobody else."""
        if self.relays:
            await asyncio.to_thread(self._secrets.allow, list(fingerprints))

    async def stop(self) -> None:
        """End, with all relayed calls."""
        self._stun.stop()
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def renewed(self) -> None:
        """Read the certificate again; calls go on. Source: turnserver(1), SIGUSR2."""
        if sys.platform != "win32" and self._process is not None and self._options.cert:
            with suppress(OSError, ValueError):
                pid = int((self._options.folder / PID_FILE).read_text(encoding="ascii"))
                os.kill(pid, signal.SIGUSR2)

    def configuration(self) -> str:
        """What coturn is told."""
        here = self._options
        every = here.listen in ("0.0.0.0", "::", "*")  # noqa: S104 - compared, not bound
        return coturn_config(
            CoturnOptions(
                # One that nobody has: those who may are in the database.
                secret=secrets.token_hex(32),
                realm=REALM,
                port=here.port,
                tls_port=here.tls_port,
                cert=here.cert,
                key=here.key,
                listening_ips=() if every else (here.listen,),
                relay_ips=() if every else (here.listen,),
                external_ips=(here.external_ip,) if here.external_ip else (),
                min_port=here.min_port,
                max_port=here.max_port,
                log="stdout",
                state_dir=here.folder,
            )
        )

    async def _lay_out(self, program: str) -> None:
        """Has coturn's own tool make the database.

        coturn's threads would make it at the first requests, get into each other's way ("database
        is locked") and refuse somebody. Without the tool they still may: that is no reason to stop.
        """
        self._secrets.make()
        with suppress(OSError):
            made = await asyncio.create_subprocess_exec(
                *(Path(program).with_name(ADMIN), "--list", f"--userdb={self.database}"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            await made.wait()

    async def _keep(self, program: str) -> None:
        path = self._options.folder / "turnserver.conf"
        platform.write_private_file(path, self.configuration().encode())
        while True:
            # On a leash: a server that is killed leaves no relay behind, whose port it would miss.
            running = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "moim.tunnel.leash", program, "-c", str(path)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            self._process = running
            try:
                code = await running.wait()
                log.warning("relay.ended", code=code)
            finally:
                if running.stdin is not None:
                    running.stdin.close()
                if running.returncode is None:
                    with suppress(TimeoutError, asyncio.CancelledError):
                        await asyncio.wait_for(asyncio.shield(running.wait()), STOP_S)
                if running.returncode is None:
                    running.kill()
                    await running.wait()
            await asyncio.sleep(AGAIN_S)
