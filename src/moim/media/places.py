"""Where the SFU is that a room's media go through, as the plane asks for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Where:
    """One SFU."""

    url: str
    """Where browsers are sent: a path of moim's own address, or an address."""
    api_url: str
    """Where its server API is."""
    address: str | None = None
    """Where the server itself is, past the proxy, for browsers: the path is the same there."""

    @classmethod
    def at(cls, url: str, api_url: str) -> "Where":
        """An SFU of several: `url` is a path, with the address of its server before it if any."""
        parts = urlsplit(url)
        return cls(parts.path, api_url, address_in(url))


def address_in(url: str) -> str | None:
    """The address before a path, scheme and host alone; None before a bare path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else None


class Places(Protocol):
    """Rooms are named by their slug. All but `here` raise Unavailable."""

    @property
    def here(self) -> Where:
        """The SFU of this server, for who only tries whether there is a way."""

    async def place(self, room: str) -> Where:
        """Where a room is; from now on, if it was nowhere."""

    async def find(self, room: str) -> Where | None:
        """Where a room is, if it is anywhere."""


class OnePlace:
    """There is one SFU, or a cluster that sees to it by itself."""

    def __init__(self, url: str, api_url: Callable[[], str]) -> None:
        self._url = url
        self._api_url = api_url

    @property
    def here(self) -> Where:
        return Where(self._url, self._api_url())

    async def place(self, room: str) -> Where:  # noqa: ARG002
        return self.here

    async def find(self, room: str) -> Where | None:  # noqa: ARG002
        return self.here
