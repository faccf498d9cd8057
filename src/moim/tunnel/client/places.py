"""Where a tunnel goes: what people write after `--tunnel`, and what is known of the providers."""

import re
from dataclasses import dataclass
from typing import Final

from moim.tunnel.errors import TunnelError

DEFAULT: Final = "localhost.run"
CLOUDFLARED: Final = "cloudflared"
SSH_PORT: Final = 22
PUBLIC_STUN: Final = "stun:stun.cloudflare.com:3478"
"""The STUN server for tunnels of public providers: they carry no UDP, so that the laptop cannot
answer itself. It learns the addresses of those in a call, and nothing of the call.

Source: https://developers.cloudflare.com/realtime/turn/ (free, no account)
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A host that takes reverse forwardings, or `cloudflared`.

    `visitor_header` is the header in which this provider, and only it, writes whom a request comes
    from; the last entry is its own.
    """

    host: str
    user: str = ""
    port: int = SSH_PORT
    visitor_header: str | None = None

    @property
    def is_cloudflared(self) -> bool:
        """Whether a program on this machine makes the tunnel, not SSH."""
        return self.host == CLOUDFLARED

    def __str__(self) -> str:
        port = "" if self.port == SSH_PORT else f":{self.port}"
        return f"{self.user}@{self.host}{port}" if self.user else f"{self.host}{port}"


_SHAPE = re.compile(
    r"(?:ssh://)?(?:(?P<user>[\w.+-]{1,64})@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252})(?::(?P<port>\d{1,5}))?/?"
)


def place(text: str) -> Place:
    """Read `localhost.run`, `user@host`, `user@host:2222` or `cloudflared`.

    Raises: `tunnel_place_invalid`.
    """
    found = _SHAPE.fullmatch(text.strip())
    port = int(found["port"] or SSH_PORT) if found else 0
    if found is None or not 0 < port < 65_536:
        raise TunnelError(
            "tunnel_place_invalid",
            f"{text!r} is no place for a tunnel. Write localhost.run, cloudflared or "
            "user@host:port of a machine that takes SSH tunnels.",
        )
    host, user = found["host"].strip("[]").lower(), found["user"] or ""
    if host == CLOUDFLARED and not user:
        # Cloudflare sets it anew at its edge: developers.cloudflare.com/fundamentals/reference/
        return Place(CLOUDFLARED, visitor_header="cf-connecting-ip")
    if host == "localhost.run":
        # The name for those without an account there (localhost.run/docs); the proxy headers are
        # injected by default (localhost.run/docs/cli).
        return Place(host, user or "nokey", port, visitor_header="x-forwarded-for")
    return Place(host, user, port)
