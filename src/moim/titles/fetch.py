"""Asks for a page as a stranger would: public addresses alone, little of it, and not for long.

The name is resolved here and the connection goes to the address that was looked at, so a name that
changes its mind in between changes nothing (DNS rebinding). Each redirect is looked at anew.
Nothing of ours goes along: no cookie, no referrer, no address of the reader.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import h11
import structlog

from moim.titles.addresses import is_public
from moim.titles.page import title_of

_log = structlog.get_logger("moim.titles")
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PORTS: Final = {"http": 80, "https": 443}
_WEB_PORTS: Final = frozenset(_PORTS.values())
_READ_BYTES: Final = 16 * 1024
_HEAD_ENDS: Final = re.compile(rb"</head\s*>|<body[\s>]", re.IGNORECASE)


class NotAsked(Exception):
    """This address is not asked, or does not answer as a page does. The text is for developers."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How far a fetch goes."""

    within_s: float = 5
    head_bytes: int = 256 * 1024
    redirects: int = 3
    at_once: int = 4


class PageTitles:
    """Finds the titles of pages (`moim.live.ports.TitleFinder`)."""

    def __init__(
        self,
        manners: Manners | None = None,
        *,
        may_ask: Callable[[str], bool] = is_public,
        may_port: Callable[[int], bool] = _WEB_PORTS.__contains__,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._manners = manners or Manners()
        self._may_ask = may_ask
        self._may_port = may_port
        self._tls = tls
        self._places = asyncio.Semaphore(self._manners.at_once)

    async def find(self, url: str) -> str | None:
        """The title of a page; None when there is none to be had."""
        try:
            async with self._places, asyncio.timeout(self._manners.within_s):
                return await self._follow(url)
        except (NotAsked, OSError, ValueError, h11.ProtocolError) as no:
            # what was linked is text of the chat: it is in no line above debug
            _log.debug("title_not_found", cause=type(no).__name__)
            return None

    async def _follow(self, url: str) -> str | None:
        for _ in range(self._manners.redirects + 1):
            answer = await self._ask(url)
            if answer.moved_to is None:
                return title_of(bytes(answer.head), answer.charset)
            url = urljoin(url, answer.moved_to)
        raise NotAsked("redirected too often")

    async def _ask(self, url: str) -> "_Answer":
        where = urlsplit(url)
        port = where.port or _PORTS.get(where.scheme, 0)
        if where.scheme not in _PORTS or not where.hostname or where.username is not None:
            raise NotAsked("not an address of a page")
        if not self._may_port(port):
            raise NotAsked("not a port of the web")
        host = where.hostname.encode("idna").decode("ascii")
        address = await self._address(host, port)
        tls = (self._tls or ssl.create_default_context()) if where.scheme == "https" else None
        reader, writer = await asyncio.open_connection(
            address, port, ssl=tls, server_hostname=host if tls else None
        )
        try:
            return await self._exchange(reader, writer, _target(where), _host_header(where, host))
        finally:
            writer.transport.abort()

    async def _address(self, host: str, port: int) -> str:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=1)  # SOCK_STREAM
        addresses = [str(known[4][0]) for known in found]
        # one private address among public ones is a trap, not a mistake
        if not addresses or not all(map(self._may_ask, addresses)):
            raise NotAsked("not an address of the public internet")
        return addresses[0]

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str, host: str
    ) -> "_Answer":
        connection = h11.Connection(h11.CLIENT)
        headers = [
            ("Host", host),
            ("User-Agent", "moim link titles"),
            ("Accept", "text/html"),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        ]
        request = h11.Request(method="GET", target=target, headers=headers)
        for part in (request, h11.EndOfMessage()):
            writer.write(connection.send(part) or b"")
        await writer.drain()
        answer: _Answer | None = None
        while True:
            match connection.next_event():
                case h11.NEED_DATA:
                    connection.receive_data(await reader.read(_READ_BYTES))
                case h11.Response() as response:
                    answer = _read_headers(response)
                    if answer.moved_to is not None:
                        return answer
                case h11.Data(data=data) if answer is not None:
                    answer.head += data
                    if self._is_enough(answer.head):
                        return answer
                case h11.InformationalResponse():
                    continue
                case _ if answer is not None:
                    return answer
                case _:
                    raise NotAsked("no answer")

    def _is_enough(self, head: bytearray) -> bool:
        return len(head) >= self._manners.head_bytes or _HEAD_ENDS.search(head) is not None


@dataclass(slots=True)
class _Answer:
    """What a server said: where else to ask, or the beginning of a page."""

    moved_to: str | None
    charset: str | None
    head: bytearray


def _read_headers(response: h11.Response) -> _Answer:
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in response.headers}
    if response.status_code in _REDIRECTS and "location" in headers:
        return _Answer(headers["location"], None, bytearray())
    told = Message()
    told["content-type"] = headers.get("content-type", "")
    if response.status_code != 200 or told.get_content_type() not in (
        "text/html",
        "application/xhtml+xml",
    ):
        raise NotAsked("not a page")
    if headers.get("content-encoding", "identity") != "identity":
        raise NotAsked("packed, though it was asked not to be")
    return _Answer(None, told.get_content_charset(), bytearray())


def _target(where: SplitResult) -> str:
    path = where.path or "/"
    target = f"{path}?{where.query}" if where.query else path
    return "".join(c if "!" <= c <= "~" else _escaped(c) for c in target)


def _escaped(c: str) -> str:
    return "".join(f"%{byte:02X}" for byte in c.encode())


def _host_header(where: SplitResult, host: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if where.port in (None, _PORTS[where.scheme]) else f"{shown}:{where.port}"
