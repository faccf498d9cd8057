"""The security headers of every answer. The content security policy is built from the settings."""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Policy:
    """What a page may load and connect to. Nothing from elsewhere, nothing inline, no eval."""

    frame_ancestors: tuple[str, ...] = ()
    connect: tuple[str, ...] = ()
    """Other origins that a page connects to: a LiveKit server."""

    def csp(self, host: str) -> str:
        """The header's value. `host` is named for sockets because Safari before 15.4 does not
        count ws: and wss: as 'self' (CSP 3, section 6.7.2.8)."""
        # A policy has no way to write an IPv6 address: a browser would say so on every page.
        sockets = "" if host.startswith("[") else f" ws://{host} wss://{host}"
        ancestors = (
            " ".join(("'self'", *self.frame_ancestors)) if self.frame_ancestors else "'none'"
        )
        return "; ".join(
            [
                "default-src 'self'",
                " ".join((f"connect-src 'self'{sockets}", *self.connect)),
                "img-src 'self' blob:",
                "media-src 'self' blob:",
                "worker-src 'self' blob:",
                "object-src 'none'",
                "base-uri 'none'",
                "form-action 'self'",
                f"frame-ancestors {ancestors}",
            ]
        )


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

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", self.policy.csp(host))
                headers.setdefault("referrer-policy", "strict-origin-when-cross-origin")
                headers.setdefault("x-content-type-options", "nosniff")
                headers.setdefault("permissions-policy", PERMISSIONS)
                headers.setdefault("cross-origin-opener-policy", "same-origin")
                headers.setdefault("cross-origin-resource-policy", "same-origin")
            await send(message)

        await self.app(scope, receive, with_headers)
