"""A tunnel over SSH: one connection that asks for a forwarding and holds it.

Everything that reads the person's own OpenSSH set-up (~/.ssh/config, agents, keys) is off: a tunnel
shows the other end the one key that was made for it.

Source: RFC 4254, section 7 (TCP/IP port forwarding).
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, assert_never

import asyncssh
import structlog

from moim.tunnel.client.announcements import Announcements
from moim.tunnel.client.host_keys import HostKeys
from moim.tunnel.client.local import LocalServer
from moim.tunnel.client.places import Place
from moim.tunnel.client.reach import OnUp, Up, Wanted
from moim.tunnel.errors import TunnelError, TunnelLost
from moim.tunnel.streams import WINDOW_BYTES
from moim.tunnel.wire import SERVER_VERSION, SUBSYSTEM, Goodbye, Said, Welcome, Why, read_line

CONNECT_S: Final = 15
URL_S: Final = 30
INSECURE_S: Final = 2
KEEPALIVE_S: Final = 5
KEEPALIVES_MISSED: Final = 3
ADDRESS_CHECK_S: Final = 2
CLOSE_S: Final = 2

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTunnel:
    """What a tunnel needs to know. With `public_url` nobody is asked where it comes out."""

    place: Place
    wanted: Wanted
    local: LocalServer
    host_keys: HostKeys
    key: asyncssh.SSHKey
    public_url: str | None = None

    async def hold(self, on_up: OnUp) -> None:
        """Hold the tunnel until it breaks: this returns by raising only.

        Raises: TunnelLost when trying again may help, TunnelError when not.
        """
        async with self._connection() as connection:
            await self._forward(connection)
            hearing = asyncio.ensure_future(self._hear(connection, on_up))
            gone = asyncio.ensure_future(_address_gone(connection))
            closed = asyncio.ensure_future(connection.wait_closed())
            ends = (hearing, gone, closed)
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                if closed.done():
                    # A goodbye and the end of the connection arrive together; the first says why.
                    await asyncio.wait({hearing}, timeout=CLOSE_S)
                for one in ends:
                    if one.done():
                        one.result()
            finally:
                for one in ends:
                    one.cancel()
                await asyncio.gather(*ends, return_exceptions=True)
        raise TunnelLost("tunnel_lost", f"The connection to {self.place.host} is gone.")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncssh.SSHClientConnection]:
        client = _Client(self.place, self.host_keys)
        place = self.place
        try:
            async with asyncio.timeout(CONNECT_S):
                connection = await asyncssh.connect(
                    place.host,
                    place.port,
                    client_factory=lambda: client,
                    config=None,
                    known_hosts=([], [], []),
                    server_host_key_algs=self._algorithms(),
                    username=place.user or "moim",
                    client_keys=[self.key],
                    agent_path=None,
                    password=None,
                    preferred_auth="publickey,none",
                    keepalive_interval=KEEPALIVE_S,
                    keepalive_count_max=KEEPALIVES_MISSED,
                    login_timeout=CONNECT_S,
                )
        except asyncssh.HostKeyNotVerifiable as error:
            raise client.refused or _lost(place, error) from None
        except asyncssh.PermissionDenied:
            raise TunnelError(
                "tunnel_key_refused",
                f"{place.host} does not let this machine in. Ask whoever runs it to add the key "
                "that `moim tunnel key` prints.",
            ) from None
        except (OSError, TimeoutError, asyncssh.Error) as error:
            raise _lost(place, error) from None
        try:
            if client.shown is not None:
                self.host_keys.remember(place.host, place.port, client.shown)
            yield connection
        except (OSError, TimeoutError, asyncssh.Error) as error:
            raise _lost(place, error) from None
        finally:
            connection.close()
            with suppress(TimeoutError, OSError, asyncssh.Error):
                async with asyncio.timeout(CLOSE_S):
                    await connection.wait_closed()
            connection.abort()

    def _algorithms(self) -> str:
        """The kinds of key that are pinned first: a server that has several shows the same one."""
        known = self.host_keys.known(self.place.host, self.place.port)
        names = [name.decode() for key in known for name in key.sig_algorithms]
        return f"^{','.join(names)}" if names else "default"

    async def _forward(self, connection: asyncssh.SSHClientConnection) -> None:
        def visited(visitor: str, _port: int) -> Callable[[Any, Any], Awaitable[None]]:
            async def serve(source: Any, sink: Any) -> None:
                # asyncssh closes the whole connection when a handler raises.
                try:
                    await self.local.serve(visitor, source, sink)
                except (OSError, TimeoutError, asyncssh.Error):
                    log.debug("tunnel.visit_failed", exc_info=True)
                except Exception:
                    log.exception("tunnel.visit_broke")
                finally:
                    sink.close()

            return serve

        try:
            await connection.start_server(
                visited,
                self.wanted.name,
                self.wanted.port,
                encoding=None,
                window=WINDOW_BYTES,
            )
        except asyncssh.ChannelListenError:
            raise TunnelError(
                "tunnel_refused",
                f"{self.place.host} lets you in and refuses the tunnel. It may allow no "
                "forwarding, no more tunnels, or not this name.",
            ) from None

    async def _hear(self, connection: asyncssh.SSHClientConnection, on_up: OnUp) -> None:
        version = str(connection.get_extra_info("server_version", ""))
        if version.removeprefix("SSH-2.0-").partition(" ")[0] == SERVER_VERSION:
            await self._hear_moim(connection, on_up)
        elif self.public_url is not None:
            on_up(Up(self.public_url))
            await connection.wait_closed()
        else:
            await self._hear_provider(connection, on_up)

    async def _hear_moim(self, connection: asyncssh.SSHClientConnection, on_up: OnUp) -> None:
        _, lines, _ = await connection.open_session(subsystem=SUBSYSTEM, encoding="utf-8")
        while line := await lines.readline():
            match _said(self.place, line):
                case Welcome(url=url, stun=stun, turn=turn, turn_secret=secret):
                    on_up(Up(self.public_url or url, stun, turn, secret))
                case Goodbye(goodbye=why):
                    raise _farewell(self.place, why)
                case never:
                    assert_never(never)
        await connection.wait_closed()

    async def _hear_provider(self, connection: asyncssh.SSHClientConnection, on_up: OnUp) -> None:
        _, output, errors = await connection.open_session(encoding="utf-8", errors="replace")
        found = Announcements(self.place.host)
        known, loop = asyncio.Event(), asyncio.get_running_loop()

        def tell(url: str) -> None:
            if url == found.url:
                known.set()
                on_up(Up(url))

        async def read(lines: asyncssh.SSHReader[str]) -> None:
            while line := await lines.readline():
                if found.read(line) and found.url is not None:
                    if found.url.startswith("https:"):
                        tell(found.url)
                    else:  # the secure address is often said in the next line
                        loop.call_later(INSECURE_S, tell, found.url)

        reading = [asyncio.ensure_future(read(one)) for one in (output, errors)]
        try:
            async with asyncio.timeout(URL_S):
                await known.wait()
        except TimeoutError:
            raise TunnelError(
                "tunnel_without_url",
                f"{self.place.host} took the tunnel and did not say where it comes out. If you "
                "know the address, give it with --public-url.",
            ) from None
        else:
            await asyncio.gather(*reading)
            await connection.wait_closed()
        finally:
            for one in reading:
                one.cancel()
            await asyncio.gather(*reading, return_exceptions=True)


class _Client(asyncssh.SSHClient):
    """Checks the host's key while the connection is made."""

    def __init__(self, place: Place, host_keys: HostKeys) -> None:
        self._place = place
        self._host_keys = host_keys
        self.refused: TunnelError | None = None
        self.shown: asyncssh.SSHKey | None = None

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        try:
            self._host_keys.check(self._place.host, self._place.port, key)
        except TunnelError as error:
            self.refused = error
            return False
        self.shown = key  # asyncssh checks next that the host has the private half
        return True


async def _address_gone(connection: asyncssh.SSHClientConnection) -> None:
    """Return when this machine has lost the address that the connection was made from.

    Another Wi-Fi, or none: no packet will tell, and waiting for keepalives would take longer.
    """
    name = connection.get_extra_info("sockname")
    family = socket.AF_INET6 if ":" in name[0] else socket.AF_INET
    while True:
        await asyncio.sleep(ADDRESS_CHECK_S)
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((name[0], 0, *name[2:]))
            except OSError:
                return


def _lost(place: Place, error: Exception) -> TunnelLost:
    why = (
        error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    ) or "no answer"
    return TunnelLost("tunnel_unreachable", f"{place.host} cannot be reached: {why}.")


def _said(place: Place, line: str) -> Said:
    try:
        return read_line(line)
    except ValueError:
        raise TunnelError(
            "tunnel_refused",
            f"{place.host} says something that this moim does not know. One of the two is old: "
            "update it.",
        ) from None


def _farewell(place: Place, why: Why) -> TunnelError:
    match why:
        case "replaced":
            return TunnelError(
                "tunnel_replaced",
                "Your tunnel was opened again from elsewhere, so this one has ended. "
                "Give one of them another name with --tunnel-name.",
            )
        case "unused":
            return TunnelError(
                "tunnel_unused",
                f"Nobody has come through the tunnel for long, and {place.host} closed it. "
                "Start again when you need it.",
            )
        case "abused":
            return TunnelError(
                "tunnel_abused", f"{place.host} closed the tunnel: it overstepped its limits."
            )
        case "removed":
            return TunnelError(
                "tunnel_key_refused",
                f"{place.host} does not let this machine in any more. Ask whoever runs it.",
            )
        case "stopping":
            return TunnelLost("tunnel_lost", f"{place.host} stops for now.")
        case never:
            assert_never(never)
