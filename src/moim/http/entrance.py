"""Who may stand before a room: the rule of its page, and of what that page asks for."""

from moim.http.ports import RoomCard
from moim.http.site import Site
from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.ids import Identity, Role


async def approach(site: Site, slug: str, identity: Identity) -> tuple[RoomCard, Role]:
    """The room, and what somebody may do there.

    Raises: `room_unknown`, `room_full` for guests without a seat in it.
    """
    room = await site.rooms.find(slug)
    role = await site.rooms.role(slug, identity)
    # a host always gets in, and an empty seat is not needed for one's own
    if room.full and role is not Role.HOST and not await site.rooms.is_seated(slug, identity):
        raise Refused(ErrorCode.ROOM_FULL)
    return room, role
