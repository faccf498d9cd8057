"""What the live rooms need from outside. The real ones are in `clock.py`, `ids.py` and the doors;
tests bring virtual time and counted ids."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from moim.live.outgoing import Outgoing, Several
from moim.meeting.ids import FileId, Identity, MeetingId, RoomId, Sid

if TYPE_CHECKING:
    from moim.live.news import News


class Timer(Protocol):
    """Something that will happen unless it is cancelled."""

    def cancel(self) -> None:
        """Let it not happen."""


class Clock(Protocol):
    """The time, and what happens later."""

    def now_ms(self) -> int:
        """Unix milliseconds."""

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call once after some seconds."""


class Ids(Protocol):
    """Fresh, unguessable names."""

    def room(self) -> RoomId:
        """`RM_…`"""

    def slug(self) -> str:
        """The last part of a room's address."""

    def sid(self) -> Sid:
        """`PA_…`"""

    def meeting(self) -> MeetingId:
        """`MT_…`"""

    def identity(self) -> Identity:
        """`u_…`"""

    def command(self) -> str:
        """For what the server does by itself."""


class Outlet(Protocol):
    """The way to one browser. Neither method waits or raises, whatever its network does."""

    def send(self, message: Outgoing) -> None:
        """Queue a message; one who takes them too slowly is closed and comes back to catch up."""

    def send_all(self, several: Several) -> None:
        """Queue several, in their order."""

    def close(self, *, for_good: bool) -> None:
        """Close after what is queued. `for_good` tells the client not to come back by itself."""


class Bus(Protocol):
    """The way to the other servers. Nothing here fails: what is lost is read in the journal."""

    @property
    def active(self) -> bool:
        """Whether there may be anybody to tell."""

    async def join(self, room: RoomId) -> None:
        """Hear the news of a room from now on."""

    def leave(self, room: RoomId) -> None:
        """Hear them no more."""

    def tell(self, room: RoomId, news: "News") -> None:
        """Tell the other servers of something in a room."""


class Holders(Protocol):
    """Which seats are held by connections to which server."""

    @property
    def active(self) -> bool:
        """Whether there may be another server."""

    def hold(self, room: RoomId, sid: Sid, tab: str) -> None:
        """A connection to this server sits on that seat now."""

    def release(self, sid: Sid) -> None:
        """It does no longer."""

    async def tab_of(self, sid: Sid) -> str | None:
        """The page that holds a seat by another server, if one does. Raises: Unavailable."""

    async def elsewhere(self, room: RoomId) -> Mapping[Sid, str]:
        """The seats of a room that others hold, each with its page. Raises: Unavailable."""


class TitleFinder(Protocol):
    """What pages are called."""

    async def find(self, url: str) -> str | None:
        """The title of a page; None, and never an error, when there is none to be had."""


class Files(Protocol):
    """Where the files of rooms are."""

    async def delete(self, room: RoomId, file_id: FileId) -> None:
        """Remove one; one that is not there is fine."""
