"""Logging: structlog for moim and for the libraries below it, as one stream of lines on stderr.

What people say and where they are is theirs: SDP, tokens, chat text and addresses never appear
above debug. That holds for values under telling names (`text`, `token`), for values that look like
such a thing wherever they are (an address in an exception's text), and for libraries' lines.

Use: `log = structlog.get_logger(__name__)`, then `log.info("room.opened", room=...)` with a
constant event name; bind what stays (`room`, `meeting`, `participant`, `track`) once.
"""

import asyncio
import ipaddress
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "console", "json"]

WITHHELD = "[withheld]"

PRIVATE_NAMES = frozenset(
    {
        "address", "addr", "auth", "authorization", "body", "candidate", "client", "client_addr",
        "content", "cookie", "cookies", "csrf", "data", "description", "forwarded", "headers",
        "host_link", "ip", "key", "message", "offer", "password", "payload", "peername", "query",
        "remote", "sdp", "secret", "text", "token",
    }
)  # fmt: skip

_SDP = re.compile(r"v=0\\?[rn].*|a=(?:candidate|ice-|fingerprint)\S*.*", re.DOTALL)
_CANDIDATE = re.compile(r"candidate:\S+ \d .*")
# Three dot-separated parts (JWT, itsdangerous) or anything long and unguessable after a telling
# word; host links carry their secret in the path.
_TOKEN = re.compile(r"\b[\w-]{12,}\.[\w-]{4,}\.[\w-]{16,}\b")
_NAMED_SECRET = re.compile(
    r"(?i)\b((?:token|secret|key|cookie|password|authorization|bearer|moim_identity)['\"]?[=: ]+"
    r"(?:bearer )?['\"]?)[^\s'\",;&)]{6,}"
)
_HOST_LINK = re.compile(r"(/h/[a-z0-9-]+/)[^\s/?#'\"]+")
_URL_PASSWORD = re.compile(r"(\w+://)[^\s/@]+@")
# What pydantic and SQLAlchemy quote of the input that they could not take.
_QUOTED_INPUT = re.compile(r"(input_value=).*(, input_type=)|(\[parameters: ).*(\])", re.DOTALL)
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)")
_IPV6 = re.compile(r"(?<![\w:])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?:%\w+)?(?![\w:])")


def scrub(text: str) -> str:
    """Take out of a text what looks like SDP, a token, a secret or an address."""
    text = _QUOTED_INPUT.sub(rf"\1\3{WITHHELD}\2\4", text)
    text = _SDP.sub(WITHHELD, text)
    text = _CANDIDATE.sub(WITHHELD, text)
    text = _URL_PASSWORD.sub(rf"\1{WITHHELD}@", text)
    text = _NAMED_SECRET.sub(rf"\1{WITHHELD}", text)
    text = _HOST_LINK.sub(rf"\1{WITHHELD}", text)
    text = _TOKEN.sub(WITHHELD, text)
    text = _IPV4.sub(_withheld_address, text)
    return _IPV6.sub(_withheld_address, text)


def _withheld_address(found: re.Match[str]) -> str:
    try:
        ipaddress.ip_address(found[0].partition("%")[0])
    except ValueError:
        return found[0]  # a time of day, a version, a hash
    return WITHHELD


def withhold(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Take private values out of a log event, unless it is a debug one (a structlog processor)."""
    if event.get("level", method) == "debug":
        return event
    return {
        # structlog's own exc_info and uvicorn's record are handled as text, later and below.
        name: value if name.startswith("_") or name == "exc_info" else _clean(name, value)
        for name, value in event.items()
    }


def _clean(name: str, value: object) -> object:
    if name.lower() in PRIVATE_NAMES and value is not None:
        return WITHHELD
    match value:
        case str():
            return scrub(value)
        case bytes() | bytearray() | memoryview():
            return WITHHELD
        case Mapping():
            return {key: _clean(str(key), inner) for key, inner in value.items()}
        case Sequence() | set() | frozenset():
            return [_clean("", inner) for inner in value]
        case bool() | int() | float() | None:
            return value
        case _:
            return scrub(str(value))


def _drop_uvicorn_colour(
    _logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    event.pop("color_message", None)  # the same line again with escape codes
    return event


class _NoStartAndStop(logging.Filter):
    """Passes over what uvicorn says of its start and stop, which moim says in its own words.

    Long polls are cut off by each Ctrl-C; that is no error. A start that failed is told once.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        cancelled = record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)
        told = (
            "Cancel %s running task(s)",
            "Application startup failed",
            "Exception in 'lifespan'",
        )
        return not cancelled and not str(record.msg).startswith(told)


def configure(level: Level, form: Format = "auto", stream: TextIO | None = None) -> None:
    """Set up logging for this process; called by the programs, never by an import."""
    out = sys.stderr if stream is None else stream
    console = form == "console" or (form == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
        _drop_uvicorn_colour,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,  # before withhold: exceptions quote their input
        withhold,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _console(out) if console else structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    uvicorn_errors = logging.getLogger("uvicorn.error")
    uvicorn_errors.filters[:] = [_NoStartAndStop()]
    for name in (
        "uvicorn",
        "uvicorn.error",
        "socketio",
        "engineio",
        "asyncio",
        "asyncssh",
        "alembic",
        "sqlalchemy",
        "websockets",
    ):
        # They tell of every connection at info; moim says what matters of it.
        logging.getLogger(name).setLevel("DEBUG" if level == "debug" else "WARNING")
    logging.captureWarnings(True)


def _console(out: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
