"""The sockets that moim listens on, made here and handed to whoever serves them.

Why not by the web server: a port that is taken is noticed before anything else is done and gets a
sentence instead of a traceback, one number serves IPv4, IPv6 and UDP, and the port can move to
another owner later without a change for the web server.
"""

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from moim import platform

BACKLOG: Final = 512
LINE_LENGTH_VARIABLE: Final = "WEBSOCKETS_MAX_LINE_LENGTH"
"""Read by the library behind WebSockets when it is imported."""
REQUEST_LINE_BYTES: Final = 64 * 1024
"""A LiveKit client joins with a whole session description in the request line."""
ANY_PORT_TRIES: Final = 5

EVERYWHERE: Final = ("0.0.0.0", "::", "*", "")  # noqa: S104 - named, not bound
_MISSING_FAMILY: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)

_PROTOCOLS: Final = {
    socket.SOCK_STREAM: socket.IPPROTO_TCP,
    socket.SOCK_DGRAM: socket.IPPROTO_UDP,
}

Place = tuple[socket.AddressFamily, str]


class ListenError(Exception):
    """A port that cannot be had. Codes: `port_busy`, `port_forbidden`, `address_unknown`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Listeners:
    """Bound sockets of one number; `udp` is empty when that port was taken or not wanted.

    `plain` is TCP of another number: the port for HTTP beside one for HTTPS.
    """

    port: int
    tcp: list[socket.socket] = field(default_factory=list)
    udp: list[socket.socket] = field(default_factory=list)
    plain: list[socket.socket] = field(default_factory=list)

    def close(self) -> None:
        """Close all of them; those that were handed on and closed are passed over."""
        for one in (*self.tcp, *self.udp, *self.plain):
            one.close()


def listen(host: str, port: int) -> Listeners:
    """Take a TCP port on every address of a host; port 0 takes one that is free on all of them.

    Raises: ListenError.
    """
    places = places_of(host)
    for attempt in range(ANY_PORT_TRIES):
        try:
            return _listen(places, port)
        except ListenError as error:
            # Port 0 gives a number that is free on the first address, perhaps not on the others.
            if port or error.code != "port_busy" or attempt == ANY_PORT_TRIES - 1:
                raise
    raise AssertionError("the loop returns or raises")


def listen_udp(host: str, port: int) -> list[socket.socket]:
    """Bind UDP sockets on every address of a host.

    Raises: ListenError.
    """
    return list(_bound(places_of(host), socket.SOCK_DGRAM, port))


def _listen(places: Sequence[Place], port: int) -> Listeners:
    listeners = Listeners(port)
    try:
        for one in _bound(places, socket.SOCK_STREAM, port):
            listeners.tcp.append(one)
            # At once, not when the program is ready: two programs can be bound to one port, only
            # one can listen; and who connects meanwhile waits instead of being refused.
            one.listen(BACKLOG)
            listeners.port = one.getsockname()[1]
    except OSError as error:
        listeners.close()
        raise _explained(error, port) from None
    except ListenError:
        listeners.close()
        raise
    return listeners


def places_of(host: str) -> list[Place]:
    """List the addresses to bind for a host.

    `localhost` is both loopbacks: browsers try ::1 first, and another program may hold that one.
    """
    if host in EVERYWHERE:
        return [(socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")]  # noqa: S104 - asked for
    if host == "localhost":
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise ListenError(
            "address_unknown",
            f"{host} is no name or address of this machine; use localhost, or --lan for the "
            "local network.",
        ) from None
    return list(dict.fromkeys((family, str(where[0])) for family, _, _, _, where in found))


def _bound(places: Sequence[Place], kind: socket.SocketKind, port: int) -> Iterator[socket.socket]:
    made: list[socket.socket] = []
    failure: OSError | None = None
    for family, address in places:
        one = None
        try:
            # Named, for asyncio to know it for TCP: an answer in two parts would wait for an ACK.
            one = socket.socket(family, kind, _PROTOCOLS[kind])
            platform.claim_address(one)
            if family == socket.AF_INET6:
                # Otherwise it would take IPv4's port, too, on some systems and not on others.
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.setblocking(False)
            one.bind((address, port))
        except OSError as error:
            if one is not None:
                one.close()
            if error.errno not in _MISSING_FAMILY:
                for other in made:
                    other.close()
                raise _explained(error, port) from None
            failure = error
            continue
        made.append(one)
        port = port or one.getsockname()[1]
        yield one
    if failure and not made:
        raise _explained(failure, port)


def _explained(error: OSError, port: int) -> ListenError:
    # Windows says EACCES for a port that another program holds for itself.
    match error.errno:
        case errno.EADDRINUSE:
            other = free_port_near(port)
            hint = f"start with --port {other}" if other else "start with another --port"
            return ListenError(
                "port_busy", f"Port {port} is used by another program. Stop that one, or {hint}."
            )
        case errno.EACCES:
            return ListenError(
                "port_forbidden",
                f"This system does not let moim use port {port}. Start with a --port above 1023.",
            )
        case _:
            return ListenError(
                "address_unknown",
                f"Cannot listen on that address ({error.strerror}); use localhost, or --lan for "
                "the local network.",
            )


def free_port_near(port: int) -> int | None:
    """Find the next free TCP port on loopback, to have something to suggest."""
    for candidate in range(port + 1, min(port + 20, 65_536)):
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            platform.claim_address(probe)
            probe.bind(("127.0.0.1", candidate))
            probe.listen(1)
            return candidate
    return None
