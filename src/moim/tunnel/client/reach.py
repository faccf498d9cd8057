"""Where a tunnel has come out, and what it brings along."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from moim.tunnel.errors import TunnelError


@dataclass(frozen=True, slots=True)
class Up:
    """A tunnel that stands. `stun` is None where the other end says nothing of it."""

    url: str
    stun: tuple[str, ...] | None = None
    turn: tuple[str, ...] = ()
    turn_secret: str | None = None


OnUp = Callable[[Up], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the other end is asked to listen on, as in `ssh -R name:port:…`."""

    name: str = "localhost"
    port: int = 80


def wanted(text: str | None) -> Wanted:
    """Read `name`, `name:8080` or `:8080`; nothing asks for whatever name is given.

    OpenSSH says `localhost` where nobody names anything, and providers expect it.
    Raises: `tunnel_place_invalid`.
    """
    name, _, port = (text or "").partition(":")
    if (port and not (port.isdecimal() and 0 < int(port) < 65_536)) or not all(
        letter.isalnum() or letter in "-." for letter in name
    ):
        raise TunnelError(
            "tunnel_place_invalid", f"{text!r} is no name for a tunnel; write name or name:port."
        )
    return Wanted(name.lower() or "localhost", int(port or 80))


SHORTEST_S: Final = 1.0
LONGEST_S: Final = 30.0


class Backoff:
    """How long to wait before the next try: twice as long each time, and never all at once."""

    def __init__(self) -> None:
        self._next_s = SHORTEST_S

    def reset(self) -> None:
        """It worked."""
        self._next_s = SHORTEST_S

    def pause_s(self) -> float:
        """The time to wait now."""
        here, self._next_s = self._next_s, min(LONGEST_S, self._next_s * 2)
        return here * secrets.SystemRandom().uniform(0.8, 1.2)
