"""moim on a bus that loses every tenth message that comes in."""

import itertools
import sys

from moim.cli import main
from moim.live.redis_bus import RedisBus

EVERY = 10
_numbers = itertools.count(1)
_heard = RedisBus._heard


def _mostly(bus: RedisBus, channel: str, text: str) -> None:
    if next(_numbers) % EVERY:
        _heard(bus, channel, text)


RedisBus._heard = _mostly  # type: ignore[method-assign,assignment]
sys.exit(main())
