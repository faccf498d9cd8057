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
    """A page of messages that one may see, oldest first: the last before a seq, or, with
    `after_seq`, the first after one."""

    name_on_wire: ClassVar[str] = "chat.history"
    before_seq: SomeSeq | None = None
    after_seq: SomeSeq | None = None
    limit: int = Field(default=50, ge=1, le=100)


class Search(Query):
    """Messages that hold every word of a text, the newest first, in parts of words too; case and
    accents do not count. Words of one letter narrow down what longer ones find."""

    name_on_wire: ClassVar[str] = "chat.search"
    text: str = Field(min_length=1, max_length=200)
    before_seq: SomeSeq | None = None
    """Go on from an earlier answer's `before_seq`."""


class Revisions(Query):
    """What a message said before it was edited: for hosts."""

    name_on_wire: ClassVar[str] = "chat.revisions"
    seq: SomeSeq


class Away(Query):
    """The page is being hidden for good, as far as it knows: shorten its grace."""

    name_on_wire: ClassVar[str] = "participant.away"


class RefreshIce(Query):
    """A fresh credential for the relay, before the last one ends."""

    name_on_wire: ClassVar[str] = "ice.refresh"


class AskAccess(Query):
    """The way to the SFU: an address, and a token for this seat alone."""

    name_on_wire: ClassVar[str] = "plane.access"
    trial: bool = False
    """Only to find out whether there is a way: nobody is seen or heard there."""


QUERIES: tuple[type[Query], ...] = (Sync, History, Search, Revisions, Away, RefreshIce, AskAccess)
