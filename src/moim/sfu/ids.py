"""The ids that LiveKit's clients see: a prefix that says what it is, and twelve random characters.

Clients read the prefixes: a stream id that does not start with `PA_` is no participant's to them.
Source: livekit protocol utils/guid.
"""

import secrets
import string
from collections.abc import Callable
from typing import Final

from livekit.protocol.models import TrackSource, TrackType

_LETTERS: Final = string.ascii_letters + string.digits
_LENGTH: Final = 12
_SOURCE_LETTERS: Final = {
    TrackSource.CAMERA: "C",
    TrackSource.MICROPHONE: "M",
    TrackSource.SCREEN_SHARE: "S",
    TrackSource.SCREEN_SHARE_AUDIO: "s",
}

Random = Callable[[], str]


def random_part() -> str:
    """Twelve characters that nobody can guess."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


class Ids:
    """Makes ids; a test passes its own `random_part`."""

    def __init__(self, random_part: Random = random_part) -> None:
        self._random = random_part

    def random_bytes(self, size: int) -> bytes:
        return secrets.token_bytes(size)

    def room(self) -> str:
        return f"RM_{self._random()}"

    def participant(self) -> str:
        return f"PA_{self._random()}"

    def event(self) -> str:
        return f"EV_{self._random()}"

    def track(self, kind: TrackType, source: TrackSource) -> str:
        medium = "V" if kind == TrackType.VIDEO else "A"
        return f"TR_{medium}{_SOURCE_LETTERS.get(source, '')}{self._random()}"
