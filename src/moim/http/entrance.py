"""Who may stand before a room: the rule of its page, and of what that page asks for."""

from moim.http.ports import RoomCard
from moim.http.site import Site
from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.ids import Identity, Role


async def approach(site: Site, room: RoomCard, identity: Identity) -> Role:
    """What somebody may do in a room. Raises: `room_full` for guests without a seat in it."""
    role = await site.rooms.role(room.slug, identity)
    # a host always gets in, and an empty seat is not needed for one's own
    if room.full and role is not Role.HOST and not await site.rooms.is_seated(room.slug, identity):
        raise Refused(ErrorCode.ROOM_FULL)
    return role
