"""The mini-apps of a room, each the document of a frame of its own.

A document is given to whoever knows its address: what is secret in a room is never in it. It is an
HTML file of the room that a host has added, or one that moim brings.
"""

import asyncio
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moim.http.mini_apps import APP_MOST_BYTES, SHIPPED, page, policy, shipped
from moim.http.site import Site
from moim.meeting.errors import ErrorCode, MoimError, Refused
from moim.meeting.features.app import AppId
from moim.meeting.file_names import ending
from moim.meeting.ids import FileId, RoomId

PERMISSIONS = ", ".join(
    f"{name}=()"
    for name in (
        "camera",
        "microphone",
        "display-capture",
        "geolocation",
        "fullscreen",
        "clipboard-read",
        "clipboard-write",
        "payment",
        "usb",
    )
)


async def send_app(request: Request, site: Site) -> Response:
    """GET /r/{slug}/apps/{app}.

    Raises: `app_unknown`, also for a file that is no HTML or too long; `room_unknown`.
    """
    slug: str = request.path_params["slug"]
    app = AppId(request.path_params["app"])
    room = await site.rooms.find(slug)
    if not await site.rooms.has_app(slug, app):
        raise Refused(ErrorCode.APP_UNKNOWN)
    written = shipped(app) if app in SHIPPED else await _file(site, room.id, FileId(app))
    headers = {
        "content-security-policy": policy(site.options.frame_ancestors),
        "permissions-policy": PERMISSIONS,
        "referrer-policy": "no-referrer",
        "x-dns-prefetch-control": "off",
        "cache-control": "private, no-cache",
    }
    return Response(page(written), media_type="text/html", headers=headers)


async def _file(site: Site, room: RoomId, file_id: FileId) -> bytes:
    try:
        row = await site.files.store.find(room, file_id)
    except MoimError as error:
        raise Refused(ErrorCode.APP_UNKNOWN) from error
    if not row.announced or row.size_bytes > APP_MOST_BYTES or ending(row.file_name) != "html":
        raise Refused(ErrorCode.APP_UNKNOWN)
    path = site.files.store.parts.path(room, file_id)
    return await asyncio.to_thread(path.read_bytes)


def routes(site: Site) -> list[Route]:
    """The mini-apps of a room."""
    return [Route("/r/{slug}/apps/{app}", partial(send_app, site=site))]
