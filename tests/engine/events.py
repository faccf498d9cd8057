"""What an engine says, as a test waits for it. Read without an engine: it may not be built."""

import select
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import moim_engine

LOCAL = [("127.0.0.1", 0)]
DEADLINE_S = 60.0
T = TypeVar("T")


def next_event(engine: "moim_engine.Engine", kind: type[T]) -> T:
    """The next event of a kind; others are passed over."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        select.select([engine.fileno()], [], [], 1.0)
        for event in engine.drain():
            if isinstance(event, kind):
                return event
    raise AssertionError(f"no {kind.__name__}")
