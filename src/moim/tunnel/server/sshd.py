"""The SSH side of the server: keys in, tunnels out, and nothing else.

There is no shell, no command, no terminal, no file transfer, no agent, and no forwarding but the
one from here to the laptop: what else SSH knows is refused and counted. A forwarding listens on no
port: the front door opens its lines by itself.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import asyncssh
import structlog

from moim.tunnel.server.limits import Knocks, Limits
from moim.tunnel.server.names import tunnel_name
from moim.tunnel.server.tunnels import Line, Tunnel, Tunnels
from moim.tunnel.server.users import User, Users
from moim.tunnel.streams import WINDOW_BYTES
from moim.tunnel.wire import SERVER_VERSION, SUBSYSTEM, Goodbye, Welcome, Why, written

KEEPALIVE_S: Final = 15
KEEPALIVES_MISSED: Final = 3
LOGIN_S: Final = 20
OPEN_S: Final = 15
GOODBYE_S: Final = 0.5
HEARD_BYTES: Final = 4096
FORWARDED_PORTS: Final = (80, 0)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class House:
    """What every connection shares. `welcome` says what the tunnel of a user is told."""

    users: Users
    tunnels: Tunnels
    limits: Limits
    knocks: Knocks
    welcome: Callable[[Tunnel], Welcome]


async def listen(
    house: House, listener: socket.socket, host_key: asyncssh.SSHKey
) -> asyncssh.SSHAcceptor:
    """Take SSH connections on a socket, which belongs to the acceptor from here on."""
    return await asyncssh.create_server(
        lambda: _Guard(house),
        sock=listener,
        server_host_keys=[host_key],
        config=None,
        server_version=SERVER_VERSION,
        password_auth=False,
        kbdint_auth=False,
        host_based_auth=False,
        gss_host=None,
        allow_pty=False,
        agent_forwarding=False,
        x11_forwarding=False,
        allow_scp=False,
        line_editor=False,
        compression_algs=["none"],  # visitors' secrets beside strangers' text (CRIME)
        login_timeout=LOGIN_S,
        keepalive_interval=KEEPALIVE_S,
        keepalive_count_max=KEEPALIVES_MISSED,
    )


class _Guard(asyncssh.SSHServer):
    """One connection: who it is, its tunnel, and what it asks for that there is not."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._connection: asyncssh.SSHServerConnection | None = None
        self._who: User | None = None
        self._tunnel: Tunnel | None = None
        self._told: _Telling | None = None
        self._refused = 0
        self._due: asyncio.TimerHandle | None = None

    @property
    def user(self) -> str:
        """Whose connection it is."""
        return self._who.name if self._who else ""

    @property
    def fingerprint(self) -> str:
        """The key that let it in."""
        return self._who.fingerprint if self._who else ""

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        if not self._house.knocks.allow(self._address()):
            log.info("tunnel.too_many_logins")
            conn.abort()

    def _address(self) -> str:
        peer = self._connection and self._connection.get_extra_info("peername")
        return str(peer[0]) if peer else ""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._due is not None:
            self._due.cancel()
        if self._tunnel is not None:
            self._house.tunnels.release(self._tunnel)
            log.info("tunnel.closed", tunnel=self._tunnel.name)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._who = self._house.users.of(key)
        return self._who is not None

    def auth_completed(self) -> None:
        self._house.knocks.accepted(self._address())
        self._due = asyncio.get_running_loop().call_later(
            self._house.limits.claim_s, self._nothing_came
        )

    def _nothing_came(self) -> None:
        if self._tunnel is None and self._connection is not None:
            self._connection.close()

    def server_requested(self, listen_host: str, listen_port: int) -> Any:
        name = tunnel_name(self.user, listen_host)
        if name is None or listen_port not in FORWARDED_PORTS or self._tunnel is not None:
            return self.refuse("forwarding")

        async def open_line(visitor: str, port: int) -> Line:
            if self._connection is None:
                raise OSError("the tunnel is closed")
            async with asyncio.timeout(OPEN_S):
                source, sink = await self._connection.open_connection(
                    listen_host,
                    listen_port or FORWARDED_PORTS[0],
                    visitor,
                    port,
                    encoding=None,
                    window=WINDOW_BYTES,
                )
            return Line(source, sink, sink.channel.abort)

        made = self._house.tunnels.claim(name, self, open_line)
        if made is None:
            return self.refuse("another tunnel")
        self._tunnel = made
        log.info("tunnel.opened", tunnel=name)
        if self._told is not None:
            self._told.welcome(self._house.welcome(made))
        return _Listening(self, made)

    def session_requested(self) -> Any:
        if self._told is not None:
            return self.refuse("another session")
        self._told = _Telling(self)
        return self._told

    def connection_requested(self, *_: Any) -> bool:
        return self.refuse("direct forwarding")

    def unix_connection_requested(self, dest_path: str) -> bool:
        return self.refuse("direct forwarding")

    def unix_server_requested(self, listen_path: str) -> bool:
        return self.refuse("forwarding")

    def tun_requested(self, unit: int | None) -> bool:
        return self.refuse("a device")

    def tap_requested(self, unit: int | None) -> bool:
        return self.refuse("a device")

    def refuse(self, what: str) -> bool:
        """Count a wish for what there is not; always false."""
        self._refused += 1
        log.info("tunnel.refused", user=self.user, what=what)
        if self._refused >= self._house.limits.refusals:
            self.end("abused")
        return False

    def present(self) -> Welcome | None:
        """What to tell, when there is a tunnel already."""
        return self._house.welcome(self._tunnel) if self._tunnel is not None else None

    def cancelled(self, tunnel: Tunnel) -> None:
        """The laptop has taken its wish back."""
        self._house.tunnels.release(tunnel)
        if self._tunnel is tunnel:
            self._tunnel = None

    def end(self, why: Why) -> None:
        """Say goodbye to whoever listens, and close."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        log.info("tunnel.ended", user=self.user, why=why)
        if self._told is not None:
            self._told.goodbye(why)
        connection.close()
        # One who does not take the goodbye is not waited for.
        asyncio.get_running_loop().call_later(GOODBYE_S, connection.abort)


class _Listening(asyncssh.SSHListener):
    """What asyncssh holds for a forwarding: nothing listens, so closing only forgets."""

    def __init__(self, guard: _Guard, tunnel: Tunnel) -> None:
        super().__init__()
        self._guard = guard
        self._tunnel_held = tunnel

    def get_port(self) -> int:
        return FORWARDED_PORTS[0]

    def close(self) -> None:
        self._guard.cancelled(self._tunnel_held)

    async def wait_closed(self) -> None:
        """There is nothing to wait for."""


class _Telling(asyncssh.SSHServerSession[str]):
    """The one subsystem: the server speaks, the client is silent."""

    def __init__(self, guard: _Guard) -> None:
        self._guard = guard
        self._channel: asyncssh.SSHServerChannel[str] | None = None
        self._heard = 0
        self._ready = False

    def connection_made(self, chan: "asyncssh.SSHServerChannel[str]") -> None:
        self._channel = chan

    def shell_requested(self) -> bool:
        return self._guard.refuse("a shell")

    def exec_requested(self, command: str) -> bool:
        return self._guard.refuse("a command")

    def pty_requested(self, term_type: str, term_size: Any, term_modes: Any) -> bool:
        return self._guard.refuse("a terminal")

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == SUBSYSTEM or self._guard.refuse("a subsystem")

    def session_started(self) -> None:
        self._ready = True
        present = self._guard.present()
        if present is not None:
            self.welcome(present)

    def welcome(self, said: Welcome) -> None:
        """Tell where the tunnel comes out."""
        if self._ready and self._channel is not None:
            self._channel.write(written(said))

    def goodbye(self, why: Why) -> None:
        """Tell why it ends."""
        if self._ready and self._channel is not None:
            self._channel.write(written(Goodbye(goodbye=why)))

    def data_received(self, data: str, datatype: Any) -> None:
        self._heard += len(data)
        if self._heard > HEARD_BYTES:
            self._guard.end("abused")

    def eof_received(self) -> bool:
        return True  # a client that says nothing may say so

    def connection_lost(self, exc: Exception | None) -> None:
        self._channel = None
