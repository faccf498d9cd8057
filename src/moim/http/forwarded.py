"""Who is asking really, when a proxy in front says so: believed from trusted addresses only.

A visitor can write such headers as well, and a proxy passes on what it does not know. So exactly
one family of headers is read, the one that the proxies write (`MOIM_FORWARDED_HEADER`), and in a
chain of proxies only what a trusted one has added, from the right:

    X-Forwarded-For: 9.9.9.9, 198.51.100.7, 10.0.0.2        the peer and 10.0.0.2 are trusted
                     ^ anyone can write this      ^ the visitor is 198.51.100.7

`X-Forwarded-Proto` is a list in the same order; a single value is the last proxy's. The host is
never taken from here: most proxies pass a visitor's `X-Forwarded-Host` on untouched. They keep
`Host`, or `MOIM_PUBLIC_URL` names the place.

Source: RFC 7239 (Forwarded); MDN, X-Forwarded-For, "Selecting an IP address".
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

HeaderFamily = Literal["x-forwarded", "forwarded"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
# RFC 7239 section 4: name "=" token or quoted string; pairs by ";", elements by ",".
_PAIR = re.compile(r'\s*([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))\s*')


class Trusted:
    """Whose word is believed: addresses, networks, `unix` (a peer without one), `*` (everybody)."""

    def __init__(self, named: Iterable[str]) -> None:
        named = tuple(named)
        self._all = "*" in named
        self._unix = "unix" in named
        self._networks: tuple[Network, ...] = tuple(
            ipaddress.ip_network(one, strict=False) for one in named if one not in ("*", "unix")
        )

    def __contains__(self, host: str | None) -> bool:
        """Tell whether a peer, or an address in a header, is trusted."""
        if self._all:
            return True
        if not host:
            return self._unix
        ip = _ip(host)
        return ip is not None and any(
            ip in network for network in self._networks if network.version == ip.version
        )


@dataclass(frozen=True)
class Hop:
    """What one proxy says about who came to it."""

    client: str
    scheme: str | None = None


class Forwarded:
    """An ASGI app around the app: puts the visitor's address and scheme into the scope."""

    def __init__(
        self, app: ASGIApp, trusted: Sequence[str], family: HeaderFamily = "x-forwarded"
    ) -> None:
        self.app = app
        self._trusted = Trusted(trusted)
        self._family = family

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, corrected where a trusted peer corrects."""
        if scope["type"] in ("http", "websocket"):
            client = scope.get("client")
            if (client[0] if client else None) in self._trusted:
                scope = self._corrected(scope)
        await self.app(scope, receive, send)

    def _corrected(self, scope: Scope) -> Scope:
        headers = Headers(scope=scope)
        if self._family == "forwarded":
            hops = forwarded_hops(headers.getlist("forwarded"))
        else:
            hops = x_forwarded_hops(
                _listed(headers, "x-forwarded-for"),
                _listed(headers, "x-forwarded-proto"),
            )
        visitor = self._visitor(hops)
        if visitor is None:
            return scope
        corrected = dict(scope)
        if visitor.client:
            corrected["client"] = (visitor.client, 0)
        if visitor.scheme:
            secure = visitor.scheme == "https"
            plain = {"http": ("http", "https"), "websocket": ("ws", "wss")}[scope["type"]]
            corrected["scheme"] = plain[secure]
        return corrected

    def _visitor(self, hops: Sequence[Hop]) -> Hop | None:
        """Walk from the nearest proxy outwards, to the first who is not trusted."""
        for hop in reversed(hops):
            if hop.client not in self._trusted or not hop.client:
                return hop
        return hops[0] if hops else None


def x_forwarded_hops(clients: Sequence[str], schemes: Sequence[str]) -> list[Hop]:
    """Pair the two lists from the right; fewer schemes say the same for all before them."""
    if not clients:
        return [Hop("", _scheme(schemes[-1]))] if schemes else []
    return [
        Hop(
            _address(client),
            _scheme(schemes[-1 - min(place, len(schemes) - 1)]) if schemes else None,
        )
        for place, client in reversed(list(enumerate(reversed(clients))))
    ]


def forwarded_hops(values: Sequence[str]) -> list[Hop]:
    """Read `Forwarded`; an element that cannot be read ends what is believed of it and before."""
    hops: list[Hop] = []
    for element in _elements(", ".join(values)):
        pairs = _pairs(element)
        if pairs is None:
            hops.clear()
            continue
        client = _address(pairs.get("for", ""))
        hops.append(Hop(client, _scheme(pairs.get("proto"))))
    return hops


def _elements(value: str) -> list[str]:
    """Split at commas that are not inside quotes."""
    return [one for one in re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*"|")+', value) if one.strip()]


def _pairs(element: str) -> dict[str, str] | None:
    pairs: dict[str, str] = {}
    at = 0
    while at < len(element):
        found = _PAIR.match(element, at)
        if found is None or found[1].lower() in pairs:
            return None
        pairs[found[1].lower()] = (
            found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
        )
        at = found.end()
        if at < len(element):
            if element[at] != ";":
                return None
            at += 1
    return pairs


def _listed(headers: Headers, name: str) -> list[str]:
    return [one.strip() for value in headers.getlist(name) for one in value.split(",")]


def _address(text: str) -> str:
    """Take an address out of `1.2.3.4`, `1.2.3.4:5`, `[::1]:5`; "" for a name like `unknown`."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    ip = _ip(bare)
    return "" if ip is None else str(ip)


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return ip if mapped is None else mapped


def _scheme(text: str | None) -> str | None:
    return _SCHEMES.get((text or "").strip().lower())
