"""What a person at the terminal reads of a tunnel."""

from collections.abc import Callable, Sequence
from typing import Final

from moim import platform, qr

Say = Callable[[str], None]

INSECURE: Final = (
    "This address is plain HTTP: browsers give no camera or microphone there, so there is no QR "
    "code. Let the other end speak HTTPS."
)


def say_address(say: Say, url: str, *, back: bool) -> None:
    """The public address, and its QR code where a phone's camera will work behind it."""
    if back:
        say(f"The tunnel is back  {url}")
        return
    say("")
    say(f"Tunnel  {url}")
    say("")
    if url.startswith("https:"):
        say(qr.terminal(url, colour=platform.colour_terminal()))
    else:
        say(INSECURE)


def say_ways(say: Say, stun: Sequence[str], turn: Sequence[str]) -> None:
    """Which servers help browsers to find each other: a tunnel carries no call."""
    if stun:
        say(f"STUN    {', '.join(stun)}  (--stun names another one, --stun none asks nobody)")
    else:
        say("STUN    none: people in different networks will hardly hear each other.")
    if turn:
        say(f"TURN    {', '.join(turn)}")
