"""The Rust engine as the rooms' port: its events become plain data, its full queue a refusal.

`moim_engine` is imported here alone and when it is needed, so that everything else of the package
works, and is tested, without it.
"""

import asyncio
import importlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from moim.sfu import events
from moim.sfu.ports import Engine, EngineBusy

AGAIN_AFTER_S: Final = 0.05
_ENDINGS: Final = frozenset({"close_room", "close_participant", "close_peer", "unpublish"})
_log = structlog.get_logger("moim.sfu")

EVENTS: Final[dict[str, type[Any]]] = {
    kind.__name__: kind
    for kind in (
        events.Answered,
        events.Offered,
        events.AnswerAccepted,
        events.Refused,
        events.NegotiationNeeded,
        events.PeerState,
        events.ChannelOpened,
        events.MediaStarted,
        events.LayersChanged,
        events.Forwarding,
        events.Speakers,
        events.DataReceived,
        events.DataOverflow,
        events.PeerQuality,
        events.StatsReady,
        events.RoomFailed,
    )
}


class EngineMissing(Exception):
    """The engine is not installed.

    Code: `sfu_engine_missing`.
    """

    code = "sfu_engine_missing"

    def __init__(self) -> None:
        super().__init__(
            "The media engine is not installed. `pip install 'moim[sfu]'` brings it; in a clone, "
            "`make sfu` builds it."
        )


class MediaEngine:
    """An engine with its events; `port` is what the rooms are given."""

    def __init__(
        self,
        *,
        bind: Sequence[tuple[str, int]],
        advertise: Sequence[str],
        tcp: Sequence[tuple[str, int]],
        threads: int,
    ) -> None:
        """Raises: EngineMissing, OSError for an address that cannot be bound"""
        try:
            module = importlib.import_module("moim_engine")
        except ImportError as error:
            raise EngineMissing from error
        try:
            self._engine = module.Engine(bind=bind, advertise=advertise, tcp=tcp, threads=threads)
        except module.BindError as error:
            raise OSError(str(error)) from error
        self.port: Engine = _Patient(self._engine, module.QueueFull, module.EngineClosed)
        self.candidates: list[tuple[str, int]] = self._engine.candidates
        self.tcp_candidates: list[tuple[str, int]] = self._engine.tcp_candidates
        self._watching: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, handle: Callable[[events.EngineEvent], None]) -> None:
        """Give each event to `handle` from now on, inside the running loop."""
        self._loop = asyncio.get_running_loop()
        try:
            self._loop.add_reader(self._engine.fileno(), self._drain, handle)
        except NotImplementedError:
            # Windows' own loop has no readers, but it can wait for a socket's bytes.
            self._watching = self._loop.create_task(self._watch(handle))

    def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        elif self._loop is not None:
            self._loop.remove_reader(self._engine.fileno())
        self._engine.close()

    async def _watch(self, handle: Callable[[events.EngineEvent], None]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await loop.sock_recv(self._engine.wake, 64)
            self._drain(handle)

    def _drain(self, handle: Callable[[events.EngineEvent], None]) -> None:
        for native in self._engine.drain():
            kind = EVENTS[type(native).__name__]
            event = kind(*(getattr(native, name) for name in type(native).__match_args__))
            try:
                handle(event)
            except EngineBusy:
                _log.warning("engine_busy")
            except Exception:
                # A supervisor's edge: an event that is handled wrongly harms its own room only.
                _log.exception("engine_event_failed", event_name=kind.__name__)


class _Patient:
    """Calls the engine; where it has no room for a command, the rooms hear `EngineBusy`.

    What ends something is repeated instead until there is room: it must not be lost.
    """

    def __init__(self, engine: Any, full: type[Exception], closed: type[Exception]) -> None:
        self._engine = engine
        self._full = full
        self._closed = closed

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._engine, name)

        def call(*arguments: Any, **options: Any) -> Any:
            try:
                return method(*arguments, **options)
            except self._full as failure:
                if name not in _ENDINGS:
                    raise EngineBusy(str(failure)) from failure
                asyncio.get_running_loop().call_later(AGAIN_AFTER_S, call, *arguments)
            except self._closed as failure:
                if name not in _ENDINGS:
                    raise EngineBusy(str(failure)) from failure
            return None

        self.__dict__[name] = call
        return call
