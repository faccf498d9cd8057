"""Names of users and of their tunnels, and where a tunnel of a name comes out.

A user has the tunnel of their own name and any number of others, `label-user`. User names hold no
hyphen, so that nobody can take a name that belongs to somebody else.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from moim.tunnel.errors import TunnelError

_USER = re.compile(r"[a-z][a-z0-9]{0,30}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_ANY: Final = ("", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "*")  # noqa: S104
LONGEST_NAME: Final = 63  # RFC 1035, section 2.3.4


def is_user(name: str) -> bool:
    """Whether a name can be a user's."""
    return _USER.fullmatch(name) is not None


def tunnel_name(user: str, asked: str) -> str | None:
    """The name that a user gets who asks for one; None when it is none.

    `localhost` and what else OpenSSH says by itself asks for nothing in particular.
    """
    asked = asked.lower()
    if asked in _ANY or asked == user:
        return user
    name = asked if asked.endswith(f"-{user}") else f"{asked}-{user}"
    return name if _LABEL.fullmatch(name) and len(name) <= LONGEST_NAME else None


@dataclass(frozen=True, slots=True)
class Found:
    """Which tunnel a request is for, and what of its target belongs to the tunnel's own server."""

    name: str
    target: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Doorplate:
    """The address of the front door: tunnels are sub-domains of it, or paths."""

    scheme: str
    host: str
    port: int | None
    by_path: bool

    @classmethod
    def read(cls, url: str, *, by_path: bool) -> "Doorplate":
        """Raises: `tunnel_url_invalid`."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        rest = (parts.path.strip("/"), parts.query, parts.fragment, "@" in parts.netloc)
        if parts.scheme not in ("http", "https") or not parts.hostname or any(rest):
            raise TunnelError(
                "tunnel_url_invalid",
                f"{url!r} is no address for tunnels. Write --url https://tunnels.example.org.",
            )
        default = {"http": 80, "https": 443}[parts.scheme]
        return cls(parts.scheme, parts.hostname, None if port == default else port, by_path)

    @property
    def is_secure(self) -> bool:
        """Whether visitors come by HTTPS."""
        return self.scheme == "https"

    def url(self, name: str) -> str:
        """Where the tunnel of a name comes out."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        if self.by_path:
            return f"{self.scheme}://{shown}{port}/{name}"
        return f"{self.scheme}://{name}.{shown}{port}"

    def find(self, host: str, target: str) -> Found | None:
        """Which tunnel a request is for, by its Host header and its target (RFC 9112, section 3.2).

        None for what is no tunnel's. A target in another form than `/path?query` is nobody's.
        """
        if not target.startswith("/"):
            return None
        name = host.lower().rpartition("]")[2].partition(":")[0].rstrip(".")
        if not self.by_path:
            label, _, domain = name.partition(".")
            return Found(label, target) if label and domain == self.host else None
        first, slash, rest = target[1:].partition("/")
        first, query, more = first.partition("?")
        label = first.lower()
        if not _LABEL.fullmatch(label):
            return None
        if query:
            return Found(label, f"/?{more}{slash}{rest}", f"/{first}")
        return Found(label, f"/{rest}", f"/{first}")
