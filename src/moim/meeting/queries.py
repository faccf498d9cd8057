"""What a connection asks for itself: to catch up, to read back, to say that it may be gone soon."""

from typing import ClassVar

from pydantic import Field

from moim.meeting.feature import Frozen
from moim.meeting.ids import SomeSeq, Stream


class Query(Frozen):
    """A command that changes nothing in the room."""

    name_on_wire: ClassVar[str]


class Sync(Query):
    """Catch up: the tail of each stream, or a snapshot when that is shorter."""

    name_on_wire: ClassVar[str] = "sync"
    streams: dict[Stream, int] = Field(default={}, max_length=8)


class History(Query):
    """A page of older messages, oldest first."""

    name_on_wire: ClassVar[str] = "chat.history"
    before_seq: SomeSeq | None = None
    limit: int = Field(default=50, ge=1, le=100)


class Away(Query):
    """The page is being hidden for good, as far as it knows: shorten its grace."""

    name_on_wire: ClassVar[str] = "participant.away"


class RefreshIce(Query):
    """A fresh credential for the relay, before the last one ends."""

    name_on_wire: ClassVar[str] = "ice.refresh"


QUERIES: tuple[type[Query], ...] = (Sync, History, Away, RefreshIce)
