"""The line of this machine: what a call through it takes, and what its network card is good for.

What the line behind the card carries shows from its other end alone: that is looked at by the
browsers' own check ("Check my connection").
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from moim import platform
from moim.doctor.finding import NOTE, OK, Finding
from moim.own_sfu import missing
from moim.settings import Settings

WHAT: Final = "Bandwidth"
PEOPLE: Final = 6
OUT_MBPS: Final = 14
"""To six people, each of whom sees five others in small pictures. Source: docs/speed.md, "What a
call costs a browser": 2320 kbit/s down to each."""
AMPLE: Final = 4
"""Pictures may be several times as large as those."""
CHECK: Final = "what the line behind it carries, “Check my connection” on a room's page measures"


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at what this machine has to send."""
    if settings.livekit_url is not None:
        host = urlsplit(settings.livekit_url).netloc
        yield Finding(OK, WHAT, f"sound and pictures go through {host}, not through this machine.")
    elif not settings.sfu or missing() is not None:
        yield Finding(
            OK, WHAT, "calls go browser to browser: this machine sends pages and files alone."
        )
    else:
        yield judged(platform.link_speed_bps())


def judged(speed_bps: int | None) -> Finding:
    """Say in words whether a network card of that speed is enough for the SFU."""
    takes = f"a call of {PEOPLE} takes {OUT_MBPS} Mbit/s out of it, larger pictures more"
    if speed_bps is None:
        return Finding(
            OK, WHAT, f"the system does not say how fast its network is: {takes}; {CHECK}."
        )
    words = f"{speed_bps // 1_000_000} Mbit/s at the network card: {takes}; {CHECK}."
    if speed_bps < AMPLE * OUT_MBPS * 1_000_000:
        return Finding(
            NOTE, WHAT, f"{words} Take a faster card or cable for calls of more than a few people."
        )
    return Finding(OK, WHAT, words)
