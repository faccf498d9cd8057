"""`moim tunnel-server`: from options to open ports, and to their end."""

import asyncio
import ssl
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from moim import logs, platform
from moim.listening import listen
from moim.settings import Settings
from moim.tunnel.errors import TunnelError
from moim.tunnel.extra import need_asyncssh
from moim.tunnel.server.certificate import Certificate
from moim.tunnel.server.limits import Knocks, Limits
from moim.tunnel.server.names import Doorplate
from moim.tunnel.wire import Welcome

if TYPE_CHECKING:
    import asyncssh

    from moim.tunnel.server.relay import Relay
    from moim.tunnel.server.tunnels import Tunnel

SWEEP_S: Final = 2
HOST_KEY_FILE: Final = "ssh_host_ed25519_key"

Say = Callable[[str], None]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Everything that an operator can choose."""

    plate: Doorplate
    folder: Path
    host: str = "0.0.0.0"  # noqa: S104 - a server of tunnels is for everybody
    port: int = 8080
    plain_port: int | None = None
    ssh_port: int = 2222
    cert: Path | None = None
    key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    relay: bool = True
    relay_port: int = 3478
    external_ip: str | None = None
    limits: Limits = field(default_factory=Limits)


def options(
    *, folder: Path, url: str | None, by_path: bool, port: int | None, **rest: Any
) -> ServerOptions:
    """Read what was written on the command line. Raises: `tunnel_url_invalid`."""
    if url is None:
        raise TunnelError(
            "tunnel_url_invalid",
            "Tunnels need an address that leads to this machine. Write "
            "--url https://tunnels.example.org.",
        )
    return ServerOptions(
        plate=Doorplate.read(url, by_path=by_path),
        folder=folder / "tunnel-server",
        port=(443 if rest.get("cert") else 8080) if port is None else port,
        **rest,
    )


def run(chosen: ServerOptions, settings: Settings, say: Say) -> None:
    """Serve until somebody stops it. Raises: TunnelError, ListenError."""
    need_asyncssh()
    logs.configure(settings.log_level, settings.log_format)
    platform.raise_open_file_limit()

    async def until_stopped() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()

        def stop() -> None:
            loop.call_soon_threadsafe(stopped.set)

        with platform.stop_signals(stop):
            async with AsyncExitStack() as stack:
                server = TunnelServer(chosen)
                stack.push_async_callback(server.stop)
                await server.start()
                server.say(say)
                await stopped.wait()

    asyncio.run(until_stopped())


class TunnelServer:
    """The parts, in the order in which they begin and end."""

    def __init__(self, chosen: ServerOptions) -> None:
        from moim.tunnel.server.front import FrontDoor
        from moim.tunnel.server.headers import Trusted
        from moim.tunnel.server.sshd import House
        from moim.tunnel.server.tunnels import Tunnels
        from moim.tunnel.server.users import Users
        from moim.tunnel.server.visit import Door

        self.chosen = chosen
        self.users = Users(chosen.folder / "authorized_keys")
        self.tunnels = Tunnels(chosen.limits, time.monotonic)
        self._certificate = self._own_certificate()
        try:
            trusted = Trusted(chosen.trusted_proxies)
        except ValueError as error:
            raise TunnelError("tunnel_url_invalid", f"--trusted-proxy: {error}.") from None
        self._front = FrontDoor(Door(chosen.plate, self.tunnels, trusted, chosen.limits))
        knocks = Knocks(chosen.limits.logins_per_minute)
        self._house = House(self.users, self.tunnels, chosen.limits, knocks, self._welcome)
        self._ssh: list[asyncssh.SSHAcceptor] = []
        self._relay: Relay | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self.port = self.ssh_port = 0
        self.fingerprint = ""

    def _own_certificate(self) -> Certificate | None:
        cert, key = self.chosen.cert, self.chosen.key
        if (cert is None) != (key is None):
            raise TunnelError(
                "tunnel_certificate_invalid", "HTTPS needs both files: --cert and --key."
            )
        return Certificate(cert, key) if cert is not None and key is not None else None

    def _welcome(self, tunnel: "Tunnel") -> Welcome:
        relay = self._relay
        return Welcome(
            url=self.chosen.plate.url(tunnel.name),
            stun=tuple(relay.stun_urls) if relay else (),
            turn=tuple(relay.turn_urls) if relay else (),
            turn_secret=relay.secret_of(tunnel.owner.fingerprint) if relay else None,
        )

    async def start(self) -> None:
        """Open the ports. Raises: ListenError, TunnelError."""
        from moim.tunnel.server import sshd

        chosen = self.chosen
        key = self._host_key()
        self.fingerprint = key.get_fingerprint()
        if chosen.relay:
            await self._start_relay()
        listeners = listen(chosen.host, chosen.ssh_port)
        self.ssh_port = listeners.port
        self._ssh = [await sshd.listen(self._house, one, key) for one in listeners.tcp]
        tls = self._certificate.context if self._certificate is not None else None
        listeners = listen(chosen.host, chosen.port)
        self.port = listeners.port
        await self._front.listen(listeners.tcp, tls)
        if chosen.plain_port is not None:
            await self._front.listen(listen(chosen.host, chosen.plain_port).tcp)
        self._sweeping = asyncio.create_task(self._sweep())

    async def _start_relay(self) -> None:
        from moim.tunnel.server.relay import Relay, RelayOptions

        chosen = self.chosen
        self._relay = Relay(
            RelayOptions(
                folder=chosen.folder,
                host=chosen.plate.host,
                listen=chosen.host,
                port=chosen.relay_port,
                external_ip=chosen.external_ip,
                cert=chosen.cert,
                key=chosen.key,
            )
        )
        await self._relay.start(user.fingerprint for user in self.users.all())

    def _host_key(self) -> "asyncssh.SSHKey":
        import asyncssh

        path = self.chosen.folder / HOST_KEY_FILE
        if not path.exists():
            made = asyncssh.generate_private_key("ssh-ed25519", comment="moim tunnel-server")
            platform.create_private_file(path, made.export_private_key())
        return asyncssh.read_private_key(path)

    async def _sweep(self) -> None:
        allowed = {user.fingerprint for user in self.users.all()}
        while True:
            await asyncio.sleep(SWEEP_S)
            now = {user.fingerprint for user in self.users.all()}
            if now != allowed and self._relay is not None:
                await self._relay.allow(now)
            allowed = now
            self.tunnels.sweep(now)
            if self._certificate is not None:
                try:
                    if self._certificate.refresh():
                        log.info("certificate.renewed")
                        if self._relay is not None:
                            self._relay.renewed()
                except (OSError, ssl.SSLError):
                    log.warning("certificate.not_renewed", exc_info=True)

    async def stop(self) -> None:
        """Say goodbye, and close everything."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        self.tunnels.end_all()
        await self._front.close()
        for one in self._ssh:
            one.close()
            await one.wait_closed()
        if self._relay is not None:
            await self._relay.stop()

    def say(self, say: Say) -> None:
        """Tell the operator what is open."""
        plate, relay = self.chosen.plate, self._relay
        say(f"Tunnels   {plate.url('NAME')}  (visitors come to port {self.port})")
        say(f"SSH       port {self.ssh_port}, key {self.fingerprint}")
        if relay is None:
            say("STUN      none: calls need another server (--turn)")
        elif relay.relays:
            say(f"TURN      {', '.join([*relay.stun_urls, *relay.turn_urls])}")
        else:
            say(f"STUN      {', '.join(relay.stun_urls)}; coturn is not installed: no TURN")
        if not plate.is_secure:
            say("          Over plain HTTP browsers give no camera; see the page on tunnels.")
        say("`moim tunnel-server add NAME KEY` lets somebody open tunnels. Ctrl-C stops.")
