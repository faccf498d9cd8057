"""GET /api/rooms: the listed rooms, for the home page that keeps itself up to date."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moim.http.etags import matches
from moim.http.language import text_for
from moim.http.ports import RoomCard
from moim.http.site import Site
from moim.http.text import Text

MOST = 50


@dataclass(frozen=True, slots=True)
class ListedRoom:
    """A listed room and what the page says of it, in the reader's language."""

    slug: str
    name: str
    people: int
    capacity: int
    locked: bool
    full: bool
    href: str
    status: str


def _status(room: RoomCard, text: Text) -> str:
    inside = text.inside(room.people) if room.people else text.nobody_inside
    if room.locked:
        return f"{inside} · {text.locked}"
    return f"{inside} · {text.full}" if room.full else inside


async def listed_now(request: Request, site: Site) -> list[ListedRoom]:
    """The open rooms as this reader is shown them."""
    text = text_for(request)
    links = site.links(request)
    return [
        ListedRoom(
            slug=room.slug,
            name=room.name,
            people=room.people,
            capacity=room.capacity,
            locked=room.locked,
            full=room.full,
            href=links.room(room.slug),
            status=_status(room, text),
        )
        for room in await site.rooms.listed(MOST)
    ]


async def listed_rooms(request: Request, site: Site) -> Response:
    """`{"rooms": […]}`, with an ETag, so that a list that did not change costs a few bytes."""
    rooms = [asdict(room) for room in await listed_now(request, site)]
    body = json.dumps({"rooms": rooms}, ensure_ascii=False, separators=(",", ":")).encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {
        "etag": etag,
        "cache-control": "private, no-cache",
        "vary": "accept-language, cookie",
    }
    if matches(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def routes(site: Site) -> list[Route]:
    """The list of rooms."""
    return [Route("/api/rooms", partial(listed_rooms, site=site))]
