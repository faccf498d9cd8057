"""The security headers of every answer. The content security policy is built from the settings."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moim.http.links import host_of

PERMISSIONS = ", ".join(
    [
        "camera=(self)",
        "microphone=(self)",
        "display-capture=(self)",
        "screen-wake-lock=(self)",
        "fullscreen=(self)",
        "geolocation=()",
        "payment=()",
        "usb=()",
    ]
)

WORKER_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'"
"""For scripts, where browsers read it for workers alone: a file's SHA-256 is taken by WebAssembly.
It reaches nothing, and no page may run any (CSP 3, sections 4.2.1 and 6.7.2)."""


SFU_ADDRESSES = "moim.sfu_addresses"
"""In an ASGI scope: the addresses of servers that the answer's policy names. A page is told the
very same, so that it never tries what its policy forbids."""


def no_addresses() -> Collection[str]:
    """One server is reached at moim's own address alone."""
    return ()


@dataclass(frozen=True, slots=True)
class Policy:
    """What a page may load and connect to. Nothing from elsewhere, nothing inline, no eval."""

    frame_ancestors: tuple[str, ...] = ()
    livekit_url: str | None = None
    """The LiveKit server that pages connect to, where it is not ours."""
    sfu_addresses: Callable[[], Collection[str]] = no_addresses
    """Where pages reach servers of ours past the proxy, as of now."""

    def csp(self, host: str, addresses: Collection[str] = ()) -> str:
        """The header's value. `host` is named for sockets because Safari before 15.4 does not
        count ws: and wss: as 'self' (CSP 3, section 6.7.2.8)."""
        # A policy has no way to write an IPv6 address: a browser would say so on every page.
        sockets = "" if host.startswith("[") else f" ws://{host} wss://{host}"
        others = (*addresses, self.livekit_url) if self.livekit_url else addresses
        elsewhere = "".join(_origins_of(url) for url in others)
        ancestors = (
            " ".join(("'self'", *self.frame_ancestors)) if self.frame_ancestors else "'none'"
        )
        return "; ".join(
            [
                "default-src 'self'",
                f"connect-src 'self'{sockets}{elsewhere}",
                "img-src 'self' blob:",
                "media-src 'self' blob:",
                "worker-src 'self' blob:",
                "object-src 'none'",
                "base-uri 'none'",
                "form-action 'self'",
                f"frame-ancestors {ancestors}",
            ]
        )


def _origins_of(url: str) -> str:
    """What a page connects to for a server elsewhere: its socket, and HTTP to hear why not."""
    parts = urlsplit(url)
    s = "s" if parts.scheme in ("wss", "https") else ""
    return f" ws{s}://{parts.netloc} http{s}://{parts.netloc}"


class SecurityHeaders:
    """Pure ASGI, so that streams and upgrades pass untouched. An answer that sets one of the
    headers itself keeps its own."""

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self.app = app
        self.policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with headers on the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        host = host_of(HTTPConnection(scope))
        addresses = self.policy.sfu_addresses()

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", self.policy.csp(host, addresses))
                headers.setdefault("referrer-policy", "strict-origin-when-cross-origin")
                headers.setdefault("x-content-type-options", "nosniff")
                headers.setdefault("permissions-policy", PERMISSIONS)
                headers.setdefault("cross-origin-opener-policy", "same-origin")
                headers.setdefault("cross-origin-resource-policy", "same-origin")
            await send(message)

        await self.app({**scope, SFU_ADDRESSES: addresses}, receive, with_headers)
