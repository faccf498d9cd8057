"""Every address that moim writes, made in one place so that it works under any path."""

import re
from dataclasses import dataclass
from itertools import islice
from urllib.parse import quote

from starlette.requests import HTTPConnection

from moim.live.ids import SLUG_SHAPE

PUBLIC_BASE = "moim.public_base"
"""In an ASGI scope: the whole address under which others reach moim, where that is not the address
that the reader has typed. A tunnel puts it there."""

_HOST = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


def host_of(connection: HTTPConnection) -> str:
    """The host and port that the reader typed; `localhost` when the header is no host at all."""
    host = connection.headers.get("host", "")
    return host.lower() if _HOST.fullmatch(host) else "localhost"


def is_secure(connection: HTTPConnection) -> bool:
    """Whether the reader came by HTTPS (through a trusted proxy counts)."""
    return connection.url.scheme in ("https", "wss")


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses for one reader. `base` is "" or the path that moim lives under, like `/meet`;
    `public` is the base of whole addresses where it is another one."""

    base: str
    origin: str
    public: str | None = None

    @classmethod
    def of(cls, connection: HTTPConnection, public_url: str | None = None) -> "Links":
        """The links of a request; `public_url` replaces the origin in those that people copy."""
        scheme = "https" if is_secure(connection) else "http"
        origin = public_url or f"{scheme}://{host_of(connection)}"
        base = connection.scope.get("root_path", "").rstrip("/")
        return cls(base, origin.rstrip("/"), connection.scope.get(PUBLIC_BASE))

    def to(self, path: str) -> str:
        """A path of moim as the browser must ask for it."""
        return self.base + path

    def absolute(self, path: str) -> str:
        """The same as a whole address, to be copied and sent."""
        return (self.origin + self.base if self.public is None else self.public) + path

    @property
    def cookie_path(self) -> str:
        """Where cookies of moim belong."""
        return self.base or "/"

    @property
    def home(self) -> str:
        """The home page."""
        return self.to("/")

    def room(self, slug: str) -> str:
        """The page of a room."""
        return self.to(room_path(slug))

    def image(self, slug: str, file_id: str) -> str:
        """An image of a room."""
        return self.to(f"{room_path(slug)}/images/{quote(file_id, safe='')}")

    def guest(self, slug: str) -> str:
        """The guest link."""
        return self.absolute(room_path(slug))

    def host(self, slug: str, secret: str) -> str:
        """The host link. It is shown once; only the hash of its secret is kept."""
        return self.absolute(f"/h/{quote(slug, safe='')}/{quote(secret, safe='')}")


def room_path(slug: str) -> str:
    """The path of a room below moim's own."""
    return f"/r/{quote(slug, safe='')}"


_IN_LINK = re.compile(r"/(?:r/(?P<room>[^/?#\s]+)|h/(?P<host>[^/?#\s]+)/(?P<secret>[^/?#\s]+))")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MOST_TYPED = 2000


def path_of_typed(typed: str) -> str | None:
    """Read what somebody pasted or typed: a guest link, a host link, or the code of a room.

    `https://x.org/meet/r/abcd-efgh-jkm`, `abcd-efgh-jkm`, ` ABCD EFGH JKM ` and `abcdefghjkm` are
    all `/r/abcd-efgh-jkm`.
    None when it cannot be any of these: not a failure, the reader is asked again.
    """
    text = typed.strip()[:MOST_TYPED]
    if found := _IN_LINK.search(text):
        if found["room"]:
            return room_path(found["room"].lower())
        return f"/h/{quote(found['host'].lower(), safe='')}/{quote(found['secret'], safe='')}"
    slug = re.sub(r"[\s\-‐-―]+", "-", text.lower()).strip("-")
    if not _SLUG.fullmatch(slug):
        return None
    return room_path(_regrouped(slug))


def _regrouped(slug: str) -> str:
    letters = slug.replace("-", "")
    if len(letters) != sum(SLUG_SHAPE):
        return slug
    rest = iter(letters)
    return "-".join("".join(islice(rest, length)) for length in SLUG_SHAPE)
