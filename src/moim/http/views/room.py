"""The page of a room: what the meeting's program starts from, and words for who cannot run it."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moim.http.entrance import approach
from moim.http.headers import SFU_ADDRESSES
from moim.http.language import text_for
from moim.http.links import host_of
from moim.http.ports import RoomCard
from moim.http.site import Site
from moim.http.text import Locale
from moim.http.views.made_room import RoomLinks, carried_links
from moim.meeting.ids import Identity, Role
from moim.meeting.text import NAME_GRAPHEMES, TEXT_GRAPHEMES

NOINDEX = {"x-robots-tag": "noindex, nofollow"}


async def room_page(request: Request, site: Site) -> Response:
    """GET /r/{slug}. Raises: `room_unknown`, `room_full` for guests without a seat in it."""
    slug: str = request.path_params["slug"]
    room = await site.rooms.find(slug)
    identity = await site.reader(request)
    role = await approach(site, room, identity)
    made = carried_links(request, site, slug)
    page = site.pages.render(
        request,
        "room.html",
        room=room,
        made=made,
        guest_link=site.links(request).guest(slug),
        start=start_data(request, site, room, identity, role, made),
    )
    page.headers.update(NOINDEX)
    return site.remember(page, request, identity)


def start_data(
    request: Request,
    site: Site,
    room: RoomCard,
    identity: Identity,
    role: Role,
    made: RoomLinks | None,
) -> dict[str, object]:
    """The JSON in `#moim-start`: everything that the program needs before it may connect."""
    options = site.options
    links = site.links(request)
    locale: Locale = text_for(request).locale
    return {
        "base": links.base,
        "room": {
            "slug": room.slug,
            "name": room.name,
            "listed": room.listed,
            "locked": room.locked,
            "people": room.people,
            "capacity": room.capacity,
        },
        "me": {"identity": identity, "role": role.value, "name": None},
        "csrf": site.identities.csrf(identity),
        "locale": locale,
        "version": options.version,
        "ice_servers": [dict(server) for server in options.ice_servers(_host_name(request))],
        "network": {
            "probes": list(options.network_probes(_host_name(request))),
            "relay": options.relay(),
            "sfu": options.sfu,
            "sfu_udp_port": options.sfu_udp_port(),
            "sfu_addresses": list(request.scope.get(SFU_ADDRESSES, ())),
        },
        "guest_link": links.guest(room.slug),
        "host_link": made.host if made else None,
        "limits": {
            "name_graphemes": NAME_GRAPHEMES,
            "text_graphemes": TEXT_GRAPHEMES,
            "image_bytes": options.image_max_bytes,
            "image_pixels": options.image_max_pixels,
            "file_bytes": site.files.rules.max_bytes,
        },
    }


def _host_name(request: Request) -> str:
    """The host of the page without its port; IPv6 in brackets, as addresses have it."""
    host = host_of(request)
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def routes(site: Site) -> list[Route]:
    """The page of a room."""
    return [Route("/r/{slug}", partial(room_page, site=site), name="room")]
