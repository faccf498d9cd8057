"""What waits in the server for a connection that does not keep up."""

from dataclasses import dataclass
from typing import Final

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """How much waits for one connection before it is closed; it comes back and catches up.

    One message by itself may be larger, or it would never arrive.
    """

    messages: int = 1000
    bytes: int = 8 * MIB


USUAL: Final = QueueBounds()
