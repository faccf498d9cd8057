"""Strict-Transport-Security: a browser that has seen it never asks over plain HTTP again.

That is a promise for a long time, so it is made only where it can be kept: over HTTPS, while the
port shows a certificate that browsers trust without being told. Never with the local CA's or a
self-signed one, whose visitors would be locked out by it.

Source: RFC 6797 section 7.2 (not over plain HTTP), 6.1 (the header).
"""

from collections.abc import Callable
from typing import Any

Asgi = Callable[..., Any]


class StrictTransport:
    """An ASGI app around the app. It sees the connection as it is, before any proxy's word."""

    def __init__(self, app: Asgi, max_age_s: int, is_public: Callable[[], bool]) -> None:
        self.app = app
        self._header = (b"strict-transport-security", b"max-age=%d" % max_age_s)
        self._is_public = is_public

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on; HTTPS answers get the header."""
        if scope["type"] != "http" or scope["scheme"] != "https" or not self._is_public():
            await self.app(scope, receive, send)
            return

        async def with_header(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), self._header]}
            await send(message)

        await self.app(scope, receive, with_header)
