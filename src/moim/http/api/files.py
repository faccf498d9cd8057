"""The files of a room: whoever belongs to it may fetch them, whole or in ranges.

Nothing is ever shown in the page's own origin: each is an attachment of no type, in a sandbox, so
that an HTML or SVG file in it can do nothing here.
"""

from functools import partial

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from moim.http.etags import matches
from moim.http.site import Site
from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.ids import FileId


async def send_file(request: Request, site: Site) -> Response:
    """GET /r/{slug}/files/{file_id}, with `Range` (RFC 9110, section 14). Rights are asked each
    time, so that a file that was deleted is gone.

    Raises: `file_unknown`, also for who may not see it; `room_unknown`.
    """
    slug: str = request.path_params["slug"]
    room = await site.rooms.find(slug)
    identity = await site.caller(request)
    if not await site.rooms.may_see_files(slug, identity):
        raise Refused(ErrorCode.FILE_UNKNOWN)
    file_id = FileId(request.path_params["file_id"])
    row = await site.files.store.find(room.id, file_id)
    if not row.announced or await site.rooms.is_deleted(slug, file_id):
        raise Refused(ErrorCode.FILE_UNKNOWN)
    headers = {
        "etag": f'"{row.file_id}"',
        "cache-control": "private, no-cache",
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
    }
    if matches(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    path, there = await site.files.store.parts.whole(room.id, file_id)
    return FileResponse(
        path,
        stat_result=there,
        media_type="application/octet-stream",
        filename=row.file_name,
        headers=headers,
    )


def routes(site: Site) -> list[Route]:
    """The files of a room."""
    return [Route("/r/{slug}/files/{file_id}", partial(send_file, site=site))]
