"""From settings to a running server: sockets, certificates, the app, uvicorn, STUN, and the end.

Each step says one line with its time; what takes long is then no riddle. Imports that take long
(the app, uvicorn, cryptography) happen in the step that needs them, so that a refusal is quick.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from moim import logs, platform
from moim.addresses import say_addresses
from moim.front import (
    check_agreement,
    front_of,
    host_to_listen_on,
    hsts_max_age_s,
    listen_for,
    open_plain_port,
)
from moim.listening import (
    LINE_LENGTH_VARIABLE,
    REQUEST_LINE_BYTES,
    ListenError,
    Listeners,
    listen_udp,
)
from moim.settings import Settings, signing_key
from moim.steps import Say, Steps, Stop

if TYPE_CHECKING:
    import ssl

    import uvicorn

    from moim.front import Front
    from moim.lan_front import LanFront
    from moim.tunnel.client.beside import Beside

STOP_PATIENCE_S: Final = 1
CERTIFICATE_CHECK_S: Final = 60
KEEP_ALIVE_S: Final = 30
WEBSOCKET_OVERHEAD_BYTES: Final = 16 * 1024  # the packet around the largest event
SFU_FRAME_BYTES: Final = 512 * 1024  # a session description of fifty people

Asgi = Callable[..., Any]


def run(settings: Settings, *, say: Say, make_app: Callable[[Settings], Asgi] | None = None) -> int:
    """Serve until a stop signal; gives the exit code of the process.

    Raises: ListenError, SettingsError, OSError for a data folder that cannot be made.
    """
    # A LiveKit client joins with a whole session description in the request line. The library
    # that reads the line has its limit from here on, since it looks when it is imported.
    os.environ.setdefault(LINE_LENGTH_VARIABLE, str(REQUEST_LINE_BYTES))
    stop = Stop()
    with platform.stop_signals(stop):
        steps = Steps(say)
        logs.configure(settings.log_level, settings.log_format)
        platform.raise_open_file_limit()
        with steps.step("data folder ready"):
            platform.private_folder(settings.data_dir)
            signing_key(settings)
        check_agreement(settings)
        tunnel = _tunnel(settings, say)
        try:
            settings, listeners = _listeners(settings, say)
            try:
                made = make_app or partial(_app, tunnel=tunnel)
                return _run(settings, listeners, steps, stop, made, tunnel)
            finally:
                listeners.close()
        finally:
            if tunnel is not None:
                tunnel.close()


def _tunnel(settings: Settings, say: Say) -> "Beside | None":
    if settings.tunnel is None:
        return None
    from moim.tunnel.client.beside import Beside

    return Beside(settings, say)


def _app(settings: Settings, tunnel: "Beside | None") -> Asgi:
    from moim.app import create_app

    return create_app(settings, ways=tunnel.ways if tunnel is not None else None)


def _listeners(settings: Settings, say: Say) -> tuple[Settings, Listeners]:
    """Take the ports; the settings returned hold the numbers that were had."""
    host = host_to_listen_on(settings)
    listeners = listen_for(settings)
    had: dict[str, object] = {"port": listeners.port}
    had["stun_port"] = settings.stun_port or listeners.port
    if settings.stun:
        try:
            listeners.udp = listen_udp(host, settings.stun_port or listeners.port)
        except ListenError:
            # A meeting on one network works without; it is no reason not to start.
            say(f"UDP port {had['stun_port']} is taken: no STUN, calls across routers may fail")
            had["stun"] = False
            had["stun_urls"] = tuple(url for url in settings.stun_urls if url != "own")
        else:
            had["stun_second_port"] = _second_stun(settings, host, listeners, say)
    return settings.model_copy(update=had), listeners


def _second_stun(settings: Settings, host: str, listeners: Listeners, say: Say) -> int | None:
    """Take the port by which browsers learn what kind of router they have; None without it."""
    if settings.stun_second_port is None:
        return None
    try:
        second = listen_udp(host, settings.stun_second_port)
    except ListenError:
        say(f"UDP port {settings.stun_second_port} is taken: browsers cannot check their network")
        return None
    listeners.udp += second
    number: int = second[0].getsockname()[1]
    return number


def _run(
    settings: Settings,
    listeners: Listeners,
    steps: Steps,
    stop: Stop,
    make_app: Callable[[Settings], Asgi],
    tunnel: "Beside | None",
) -> int:
    certified, front = None, None
    if settings.secure:
        with steps.step("certificates ready"):
            certified = _lan_front(settings) if settings.lan else None
            front = front_of(settings, steps.say)
    with steps.step("program loaded"):
        app = make_app(settings)
        watched = _Watched(tunnel.around(app) if tunnel is not None else app)
        config = _config(settings, watched, certified, front)
        server = _server(config, app, watched, steps)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        beside = _Beside(certified, front, tunnel)
        return runner.run(_serve(settings, server, listeners, steps, stop, beside))


def _lan_front(settings: Settings) -> "LanFront":
    from moim.lan_front import lan_front_of

    return lan_front_of(settings)


@dataclass(frozen=True)
class _Beside:
    """What runs beside the server, each where it was asked for."""

    certified: "LanFront | None"
    front: "Front | None"
    tunnel: "Beside | None"


def _config(
    settings: Settings, app: Asgi, certified: "LanFront | None", front: "Front | None"
) -> "uvicorn.Config":
    if front is not None:
        max_age_s = hsts_max_age_s(settings.hsts)
        if max_age_s is not None:
            from moim.https.hsts import StrictTransport

            app = StrictTransport(app, max_age_s, front.is_public)
        return uvicorn_config(settings, app, front.context)
    if certified is not None:
        return uvicorn_config(settings, app, lambda: certified.context)
    return uvicorn_config(settings, app)


def uvicorn_config(
    settings: Settings, app: Asgi, context: "Callable[[], ssl.SSLContext] | None" = None
) -> "uvicorn.Config":
    """Say how uvicorn is to serve the app; with a TLS context, HTTPS and HTTP on one port."""
    import uvicorn

    from moim.patience import patient_for
    from moim.secure_port import secure_port
    from moim.signalling.wire import WireProtocol

    patient = patient_for(settings.head_timeout_s)
    return uvicorn.Config(
        app,
        http=patient if context is None else secure_port(context, patient),
        ws=WireProtocol,
        ws_max_size=max(
            settings.command_max_bytes + WEBSOCKET_OVERHEAD_BYTES,
            settings.app_event_max_bytes + WEBSOCKET_OVERHEAD_BYTES,
            SFU_FRAME_BYTES if settings.sfu and settings.livekit_url is None else 0,
        ),
        ws_per_message_deflate=False,  # small frames; a compressor costs 300 kB a connection
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the app reads them, see `moim.http.forwarded`
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_PATIENCE_S,
    )


async def _serve(
    settings: Settings,
    server: Any,
    listeners: Listeners,
    steps: Steps,
    stop: Stop,
    beside: _Beside,
) -> int:
    from moim.media.stun import StunServer

    stop.server = server
    server.should_exit = stop.wanted
    stun = StunServer()
    certified, front, tunnel = beside.certified, beside.front, beside.tunnel
    sockets = [*listeners.tcp, *([tunnel.listener] if tunnel is not None else [])]
    renewals = [certified.keep(settings)] if certified else []
    tasks = [asyncio.create_task(one) for one in renewals]
    plain = await open_plain_port(settings, listeners, front)

    def announce() -> None:
        say_addresses(settings, steps, certified, front)
        if front is not None:
            tasks.append(asyncio.create_task(_for_ever(front)))
        if tunnel is not None:
            tasks.append(asyncio.create_task(tunnel.run()))

    try:
        await stun.start(listeners.udp)
        await server.serve(sockets, announce)
    finally:
        stun.stop()
        for one in plain:
            one.close()
        for task in tasks:
            task.cancel()
        # A tunnel says its end to the other side; the people in it have heard moim's farewell.
        await asyncio.gather(*tasks, return_exceptions=True)
    return 0


async def _for_ever(front: "Front") -> None:
    """Keep the certificate; whatever fails in there, moim serves on with the one it has."""
    import structlog

    while True:
        try:
            await front.keep()
        except Exception:
            structlog.get_logger(__name__).exception("certificate.keeper_failed")
            await asyncio.sleep(CERTIFICATE_CHECK_S)


class _Watched:
    """The app, with the reason kept why it could not start: uvicorn would log it and exit."""

    def __init__(self, app: Asgi) -> None:
        self._app = app
        self.failure: BaseException | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def without_traceback(message: Any) -> None:
            failed = message["type"].endswith(".startup.failed")
            await send({"type": message["type"]} if failed else message)

        try:
            await self._app(scope, receive, without_traceback)
        except Exception as error:
            self.failure = error
            raise


def _server(config: "uvicorn.Config", app: Asgi, watched: _Watched, steps: Steps) -> Any:
    import uvicorn

    class Server(uvicorn.Server):
        """uvicorn's server with our signals, our lines and a word to the app before the end."""

        async def serve(  # type: ignore[override]
            self, sockets: Sequence[Any], announce: Callable[[], None]
        ) -> None:
            self._announce = announce
            await self._serve(list(sockets))

        async def startup(self, sockets: list[Any] | None = None) -> None:
            with steps.step("database ready"):
                try:
                    await super().startup(sockets)
                except SystemExit:
                    raise watched.failure or RuntimeError("the app did not start") from None
            if not self.should_exit:
                self._announce()

        async def shutdown(self, sockets: list[Any] | None = None) -> None:
            drain = getattr(getattr(app, "state", None), "drain", None)
            if drain is not None:
                with _late_is_fine():
                    await self._unless_forced(drain(self._stop_listening))
            # While connections are open, the app can still tell people why they will close.
            farewell = getattr(getattr(app, "state", None), "before_stop", None)
            if farewell is not None:
                with _late_is_fine():
                    await asyncio.wait_for(farewell(), STOP_PATIENCE_S)
            await super().shutdown(sockets)

        def _stop_listening(self) -> None:
            for one in self.servers:
                one.close()

        async def _unless_forced(self, waiting: Coroutine[object, object, None]) -> None:
            task = asyncio.create_task(waiting)
            while not task.done() and not self.force_exit:
                await asyncio.wait((task,), timeout=0.1)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return Server(config)


@contextmanager
def _late_is_fine() -> Iterator[None]:
    import structlog

    try:
        yield
    except TimeoutError:
        structlog.get_logger(__name__).warning("farewell.timed_out")
    except Exception:
        # A supervisor's edge: whatever fails here, the server still stops in order.
        structlog.get_logger(__name__).exception("farewell.failed")
