"""What of a request's and of an answer's headers is passed on.

Source: RFC 9110, section 7.6 (forwarding); RFC 9112, section 6.3 (length of a body).
"""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

Header = tuple[bytes, bytes]
Headers = list[Header]

_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"upgrade",
    }
)
_SAID_BY_US: Final = frozenset({b"forwarded", b"x-real-ip"})
_SAID_BY_US_PREFIX: Final = b"x-forwarded-"


def values(headers: Iterable[Header], name: bytes) -> list[str]:
    """All values of a header, whose names are in small letters (as h11 gives them)."""
    return [value.decode("latin-1") for key, value in headers if key == name]


def tokens(headers: Iterable[Header], name: bytes) -> set[str]:
    """The comma-separated words of a header."""
    words = ",".join(values(headers, name)).split(",")
    return {word.strip().lower() for word in words if word.strip()}


def wants_websocket(headers: Sequence[Header]) -> bool:
    """Whether a request asks to go on as a WebSocket (RFC 6455, section 4.1)."""
    return "upgrade" in tokens(headers, b"connection") and tokens(headers, b"upgrade") == {
        "websocket"
    }


def for_server(
    headers: Sequence[Header], *, visitor: str, scheme: str, host: str, prefix: str
) -> Headers:
    """What the tunnel's server gets: nothing of the way here but what this door knows itself."""
    kept = [
        pair
        for pair in _kept(headers)
        if pair[0] not in _SAID_BY_US and not pair[0].startswith(_SAID_BY_US_PREFIX)
    ]
    if wants_websocket(headers):
        kept += [(b"connection", b"upgrade"), (b"upgrade", b"websocket")]
    kept += [
        (b"x-forwarded-for", visitor.encode()),
        (b"x-forwarded-proto", scheme.encode()),
        (b"x-forwarded-host", host.encode("latin-1")),
    ]
    if prefix:
        kept.append((b"x-forwarded-prefix", prefix.encode("latin-1")))
    return kept


def for_visitor(headers: Sequence[Header], *, upgraded: bool = False) -> Headers:
    """What the visitor gets of an answer."""
    kept = _kept(headers)
    return [*kept, (b"connection", b"upgrade"), (b"upgrade", b"websocket")] if upgraded else kept


def _kept(headers: Sequence[Header]) -> Headers:
    named = {name.encode("latin-1") for name in tokens(headers, b"connection")}
    dropped = _HOP_BY_HOP | named
    # Two lengths are how one request is smuggled in another; the chunks say the true one.
    if any(name == b"transfer-encoding" for name, _ in headers):
        dropped |= {b"content-length"}
    return [pair for pair in headers if pair[0] not in dropped]


def visitor_of(peer: str, forwarded_for: Sequence[str], trusted: "Trusted") -> str:
    """Who asks really: of X-Forwarded-For, the last entry that no trusted proxy is."""
    if not trusted.holds(peer):
        return peer
    named = [one.strip() for one in ",".join(forwarded_for).split(",") if one.strip()]
    for one in reversed(named):
        if not trusted.holds(one):
            return one
    return peer


class Trusted:
    """The proxies in front, as addresses or networks."""

    def __init__(self, named: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(one, strict=False) for one in named]

    def holds(self, address: str) -> bool:
        """Whether an address is one of them."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return any(ip in network for network in self._networks)
