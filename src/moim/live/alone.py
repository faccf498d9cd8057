"""One server by itself: nobody to tell, and no seat is held anywhere else."""

from collections.abc import Mapping

from moim.live.news import News
from moim.meeting.ids import RoomId, Sid


class Alone:
    """`Bus` and `Holders` of a deployment of one server."""

    active = False

    async def join(self, room: RoomId) -> None:
        """Nobody says anything."""

    def leave(self, room: RoomId) -> None:
        """Nobody said anything."""

    def tell(self, room: RoomId, news: News) -> None:
        """Nobody hears it."""

    def hold(self, room: RoomId, sid: Sid, tab: str) -> None:
        """All seats are held here."""

    def release(self, sid: Sid) -> None:
        """All seats are held here."""

    async def tab_of(self, sid: Sid) -> str | None:
        """Not held elsewhere."""
        return None

    async def elsewhere(self, room: RoomId) -> Mapping[Sid, str]:
        """None of them."""
        return {}


ALONE = Alone()
