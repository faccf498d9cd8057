"""What moim's two ends of a tunnel say to each other: lines of JSON on one SSH subsystem.

The client asks for a forwarding first and for the subsystem `SUBSYSTEM` then. The server says
`Welcome` at once and `Goodbye` before it closes a tunnel on purpose. The client says nothing. A
plain `ssh -N -R 80:localhost:3000` works as well; it only learns nothing.

The server is known by its version in the SSH greeting, so that nobody else is asked for a subsystem
that they have never heard of.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter

SUBSYSTEM: Final = "moim-tunnel"
SERVER_VERSION: Final = "moim-tunnel-1"
LONGEST_LINE_BYTES: Final = 16 * 1024

Why = Literal["replaced", "unused", "abused", "removed", "stopping"]
"""Why a server ends a tunnel: the same user began it elsewhere, nobody visited it for long, it
overstepped the limits, its key is not allowed any more, or the server stops."""


# What comes from the other end is printed at a terminal and told to browsers.
WebAddress = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.:\[\]/_-]{1,300}$")]
IceAddress = Annotated[
    str,
    StringConstraints(pattern=r"^(stun|turn)s?:[A-Za-z0-9.:\[\]-]{1,260}(\?transport=(udp|tcp))?$"),
]
Secret = Annotated[str, StringConstraints(min_length=16, max_length=512)]


class _Line(BaseModel):
    # A newer server may say more.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Welcome(_Line):
    """Where the tunnel is, and what its calls may use. `turn_secret` signs short-lived credentials
    (draft-uberti-behave-turn-rest-00) and is the user's own."""

    url: WebAddress
    stun: tuple[IceAddress, ...] = ()
    turn: tuple[IceAddress, ...] = ()
    turn_secret: Secret | None = None


class Goodbye(_Line):
    """The server closes the tunnel."""

    goodbye: Why


Said = Welcome | Goodbye
_said: TypeAdapter[Said] = TypeAdapter(Said)


def read_line(line: str) -> Said:
    """Raises: ValueError for what is neither."""
    return _said.validate_json(line)


def written(said: Said) -> str:
    """One line, with its end."""
    return said.model_dump_json() + "\n"
