"""The SFU that moim starts with itself: browsers reach it below moim's own address, moim by HTTP.

moim speaks to it as to any LiveKit server, by the server API and webhooks, over a socket of this
machine that nobody else is told of.
"""

import asyncio
import importlib.util
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import structlog
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Router
from starlette.types import Receive, Scope, Send

from moim.http import livekit_webhook
from moim.listening import ListenError, Listeners, listen, listen_udp
from moim.media.ice import turn_access
from moim.media.turn import turn_servers
from moim.settings import Settings

PATH: Final = "/livekit"
KEY: Final = "moim"
_LOOPBACK: Final = "127.0.0.1"
_log = structlog.get_logger("moim.sfu")


def missing() -> str | None:
    """Why there is no SFU of our own, in one line; None when there can be one."""
    for module in ("moim_engine", "livekit.protocol", "livekit.api", "aiohttp"):
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            found = None
        if found is None:
            return "no SFU here (`pip install 'moim[sfu]'` brings it): calls go browser to browser"
    return None


class OwnSfu:
    """To be mounted at `PATH`; it works while `running` does."""

    def __init__(self, settings: Settings, secret: str) -> None:
        self._settings = settings
        self._secret = secret
        self._inside: Listeners | None = None
        self._app: Any = None
        self._hub: Any = None
        self._udp_port: int | None = None

    @property
    def api_url(self) -> str:
        """Where moim finds the server API."""
        port = self._inside.port if self._inside is not None else 0
        return f"http://{_LOOPBACK}:{port}"

    @property
    def udp_port(self) -> int | None:
        """Where media comes in; None while it does not run."""
        return self._udp_port

    # What is on it

    def names(self) -> Collection[str]:
        """The rooms that are open."""
        return tuple(self._hub.rooms) if self._hub is not None else ()

    def identities(self, room: str) -> Collection[str]:
        """Who is in one of them."""
        found = self._hub.rooms.get(room) if self._hub is not None else None
        return tuple(found.participants) if found is not None else ()

    def arriving(self, room: str) -> bool:
        """Whether somebody was let into it whose media are not connected yet."""
        found = self._hub.rooms.get(room) if self._hub is not None else None
        return found is not None and len(found.active()) < len(found.participants)

    def send_back(self, room: str) -> None:
        """Close a room, and tell everybody in it to connect anew."""
        if self._hub is not None:
            self._hub.send_back(room)

    def room_wanted(self, http: HTTPConnection) -> str | None:
        """The room that a client asks to enter, when its token says that it may."""
        from moim.sfu.refusals import Refusal
        from moim.sfu.socket import claims_of

        if self._hub is None:
            return None
        token = http.query_params.get("access_token", "")
        try:
            keys = self._hub.world.keys
            claims = claims_of(keys, token, http.headers.get("authorization", ""))
        except Refusal:
            return None
        grant = claims.video if claims is not None else None
        return grant.room if grant is not None and grant.room_join and grant.room else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a LiveKit client."""
        if self._app is None:
            if scope["type"] == "http":
                await PlainTextResponse("not running", 503)(scope, receive, send)
            elif scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1012})
            return
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def running(self, hear: livekit_webhook.Hear) -> AsyncIterator[None]:
        """Serve until the block ends. Raises: OSError for media ports that cannot be had."""
        import uvicorn

        from moim.sfu_server import uvicorn_config

        self._inside = inside = listen(_LOOPBACK, 0)
        sfu = self._start()
        server = uvicorn.Server(
            uvicorn_config(Router([livekit_webhook.route(hear), Mount("/", sfu.app)]))
        )
        # The signals are of the server that people reach.
        serving = asyncio.create_task(server._serve(inside.tcp))  # noqa: SLF001
        self._app, self._hub = sfu.app, sfu.hub
        try:
            yield
        finally:
            self._app = self._hub = None
            sfu.hub.close()
            await sfu.close()
            server.should_exit = True
            with suppress(TimeoutError):
                await asyncio.wait_for(serving, 3)
            inside.close()

    def _start(self) -> Any:
        from moim.sfu.config import SfuConfig
        from moim.sfu.running import Sfu
        from moim.sfu_server import media_addresses, tcp_addresses

        settings = self._settings
        given = settings.livekit_api_secret
        keys = {KEY: self._secret}
        if settings.livekit_api_key is not None and given is not None:
            keys[settings.livekit_api_key] = given.get_secret_value()
        everywhere = settings.secure or settings.host in ("0.0.0.0", "::", "*")  # noqa: S104
        values: dict[str, Any] = {
            "bind_addresses": ["0.0.0.0" if everywhere else _LOOPBACK],  # noqa: S104
            "keys": keys,
            "rtc": {"node_ip": settings.sfu_address or "", "udp_port": settings.sfu_udp_port},
            # A room is given up soon after the last one left: moim makes it anew.
            "room": {"departure_timeout": 5},
            "webhook": {"api_key": KEY, "urls": [self.api_url + livekit_webhook.PATH]},
        }
        config = SfuConfig.model_validate(values)
        advertise, bind = media_addresses(config)
        turn = settings.turn_secret
        access = turn_access(
            settings.turn_urls,
            turn.get_secret_value() if turn is not None else None,
            settings.turn_lifetime_s,
        )
        sfu = Sfu(
            config,
            bind=_free(bind),
            advertise=advertise,
            tcp=tcp_addresses(config, bind),
            relays=lambda sid: turn_servers(access, sid, time.time()),
        )
        self._udp_port = sfu.candidates[0][1]
        _log.info("sfu_started", udp_port=self._udp_port)
        return sfu


def _free(bind: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The addresses, with port 0 where somebody has theirs: the engine would share it, and lose
    packets to them."""
    for address, port in bind:
        try:
            for one in listen_udp(address, port):
                one.close()
        except ListenError:
            _log.warning("sfu_port_taken", udp_port=port)
            return [(address, 0) for address, _ in bind]
    return bind
