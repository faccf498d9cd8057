"""Whether a page of ours is asking: the Origin check of forms, and of sockets."""

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from moim.http.links import host_of
from moim.meeting.errors import ErrorCode, Refused

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Origins:
    """The origins that requests are taken from: the host asked for, and those named in settings."""

    def __init__(self, public_url: str | None = None, allowed: tuple[str, ...] = ()) -> None:
        named = (*allowed, *([public_url] if public_url else []))
        self._named = frozenset(_parsed(one) for one in named)

    def check(self, connection: HTTPConnection, *, null_is_fine: bool = False) -> None:
        """Hosts are compared, not schemes: behind a proxy that says nothing the scheme is unknown.

        `null_is_fine` is for forms of pages without a referrer: their browser sends `Origin: null`
        (Fetch, "append a request Origin header"). The CSRF token stands guard there alone.

        Raises: `origin_refused`.
        """
        origin = connection.headers.get("origin")
        if origin is None:
            # Not a browser, or one that says it in another way (W3C Fetch Metadata).
            if connection.headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
                return
        elif origin == "null":
            if null_is_fine:
                return
        elif (asking := _parsed(origin)) is not None:
            scheme, *place = asking
            own = _parsed(f"{scheme}://{host_of(connection)}")
            if asking in self._named or (own is not None and place == [*own[1:]]):
                return
        raise Refused(ErrorCode.ORIGIN_REFUSED)


def _parsed(origin: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port; None for what is no origin, and that is nobody's."""
    try:
        parts = urlsplit(origin.lower())
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None
