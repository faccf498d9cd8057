"""moim behind its own tunnel: its requests are made to look as those see them who send them.

They arrive over HTTP from this machine, which is trusted, on a port that only the tunnel uses. What
strangers wrote into X-Forwarded-* is dropped, and what is known is put in its place: the scheme,
the host and the path of the public address, and the visitor whom the tunnel's other end named.

Readers on this machine keep their own address, and the links that they copy are the public ones.
"""

import ipaddress
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from moim.http.links import PUBLIC_BASE

SOMEBODY: Final = "tunnel"
"""Who a visitor is where nobody says it: all of them count as one for the limits."""
_SECURE: Final = {"http": "https", "ws": "wss"}
_REPLACED: Final = frozenset({b"host", b"forwarded", b"x-real-ip", b"cf-connecting-ip"})


class TunnelDoor:
    """ASGI in, ASGI out; `opened` and `closed` follow the tunnel."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int,
        visitors: Mapping[int, str],
        visitor_header: str | None,
        root_path: str = "",
    ) -> None:
        self._app = app
        self._port = port
        self._visitors = visitors
        self._visitor_header = visitor_header.encode() if visitor_header else None
        self._root_path = root_path
        self._url: str | None = None

    def opened(self, url: str) -> str:
        """The tunnel comes out here now; gives the address of moim there."""
        self._url = url.rstrip("/")
        return self._base(self._url)

    def _base(self, url: str) -> str:
        # Under a path of the other end's, moim lives at that path alone.
        return url if urlsplit(url).path else url + self._root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, as it is or as it was meant."""
        if scope["type"] in ("http", "websocket"):
            if (scope.get("server") or ("", 0))[1] == self._port:
                scope = self._through(scope)
            elif self._url is not None:
                scope = {**scope, PUBLIC_BASE: self._base(self._url)}
        await self._app(scope, receive, send)

    def _through(self, scope: Scope) -> Scope:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        kept = [
            pair
            for pair in headers
            if pair[0] not in _REPLACED and not pair[0].startswith(b"x-forwarded-")
        ]
        changed: dict[str, Any] = {"client": (self._visitor(scope, headers), 0)}
        url = self._url
        if url is None:
            kept += [pair for pair in headers if pair[0] == b"host"]
        else:
            parts = urlsplit(url)
            kept.append((b"host", parts.netloc.encode()))
            if parts.scheme == "https":
                changed["scheme"] = _SECURE.get(scope["scheme"], scope["scheme"])
            if parts.path:
                changed["root_path"] = parts.path
        return {**scope, **changed, "headers": kept}

    def _visitor(self, scope: Scope, headers: list[tuple[bytes, bytes]]) -> str:
        given = [value for name, value in headers if name == self._visitor_header]
        if given:
            # Earlier entries are what the visitor itself has sent; the last is the provider's.
            named = given[-1].decode("latin-1").rpartition(",")[2].strip()
        else:
            client = scope.get("client")
            named = self._visitors.get(client[1], "") if client else ""
        try:
            address = ipaddress.ip_address(named)
        except ValueError:
            return SOMEBODY
        return SOMEBODY if address.is_loopback or address.is_unspecified else str(address)
