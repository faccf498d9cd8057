"""What a server has done since its start, for whoever watches it."""

from dataclasses import dataclass


@dataclass(slots=True)
class Figures:
    """Counters of all rooms of a server."""

    commits: int = 0
    """Transactions with events in them."""
    commit_s: float = 0.0
    """From deciding what waits until all of it was told, added up."""
    events: int = 0
    """Durable events that this server has written."""
    conflicts: int = 0
    """How often another server had written first."""
    deliveries: int = 0
    """Durable events put into the queue of somebody's connection, one for each of them."""
    unavailable: int = 0
    """Handfuls of commands that could not be written."""
