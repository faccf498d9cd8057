"""Long polls that a proxy sends to another server than the one that holds the connection.

Engine.IO cannot work so, and its client would begin again for ever. The session id names its
server; another one that gets it answers with a refusal that ends the client's attempts, and lets
the right server say the same on its side.
"""

import json
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs

import structlog
from engineio import packet as engine_packet
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from moim.meeting.errors import ErrorCode

SEPARATOR: Final = "."
_END_OF_PACKET: Final = "\x1e"
"""Source: Engine.IO protocol 4, "Payload"."""
MESSAGE: Final = (
    "The proxy sends the requests of one browser to several servers: turn on sticky sessions "
    "(nginx: ip_hash or hash, Caddy: lb_policy ip_hash), or let WebSockets through"
)
_log = structlog.get_logger("moim.signalling")


def refusal() -> list[engine_packet.Packet]:
    """What a client of a misled session gets: Socket.IO's CONNECT_ERROR, then the end."""
    body = {"message": MESSAGE, "data": {"code": ErrorCode.PROXY_NOT_STICKY.value}}
    return [
        engine_packet.Packet(engine_packet.MESSAGE, f"4{json.dumps(body)}"),
        engine_packet.Packet(engine_packet.CLOSE),
    ]


class Sticky:
    """Which server a session belongs to."""

    def __init__(
        self,
        me: str,
        others: Callable[[], frozenset[str]],
        tell: Callable[[str], None],
    ) -> None:
        """`others` are the other servers that live; `tell` reaches them all."""
        self._me = me
        self._others = others
        self._tell = tell
        self._said = False

    def name(self, session: str) -> str:
        """A session id that names this server."""
        return f"{self._me}{SEPARATOR}{session}"

    def is_misled(self, scope: Scope) -> str | None:
        """The session of a long poll that another living server holds."""
        if scope["type"] != "http":
            return None
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        session = query.get("sid", [""])[0]
        server, found, _ = session.partition(SEPARATOR)
        return session if found and server in self._others() else None

    async def refuse(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a misled request."""
        if not self._said:
            self._said = True
            _log.warning("proxy_not_sticky", hint=MESSAGE)
        self._tell(session)
        if scope["method"] == "GET":
            text = _END_OF_PACKET.join(packet.encode() for packet in refusal())
        else:
            more = True
            while more:  # the proxy keeps the connection only when all of it was read
                more = (await receive()).get("more_body", False)
            text = "ok"
        headers = {"cache-control": "no-store"}
        await PlainTextResponse(text, headers=headers)(scope, receive, send)
