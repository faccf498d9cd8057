"""The images of a room: one is sent up by who sits in it, and seen by who belongs to it."""

from functools import partial

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from moim.http.etags import matches
from moim.http.rates import address_of
from moim.http.site import Site
from moim.http.uploads import read_upload
from moim.meeting.errors import ErrorCode, MoimError, Refused
from moim.meeting.ids import FileId

SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif"}


async def add_image(request: Request, site: Site) -> Response:
    """POST /r/{slug}/images: the image as the body, or as the only file of a multipart form.

    Answers `{file_id, media_type, width, height, bytes}`; the file waits to be sent with a message.

    Raises: `not_present`, `right_missing`, `image_too_large`, `image_type_refused`,
    `image_unreadable`, `quota_reached`, `storage_full`, `rate_limited`, `busy`, and what
    `guard_resource` raises.
    """
    slug: str = request.path_params["slug"]
    identity = await site.guard_resource(request)
    room = await site.rooms.find(slug)
    await site.rooms.writer_name(slug, identity)
    site.rates.images.take(f"a:{address_of(request)}", f"i:{identity}")
    with site.images.place(identity):
        raw = await read_upload(request, site.images.max_bytes)
        image = await site.images.take_in(room.id, raw)
    try:
        await site.rooms.add_image(slug, identity, image)
    except MoimError:
        await site.images.store.delete(room.id, image.file_id)
        raise
    return JSONResponse(image.model_dump(mode="json"), 201, {"cache-control": "no-store"})


async def send_image(request: Request, site: Site) -> Response:
    """GET /r/{slug}/images/{file_id}: asked again each time, so that a deleted one is gone.

    Raises: `image_unknown`, also for who may not see it; `room_unknown`.
    """
    slug: str = request.path_params["slug"]
    file_id = FileId(request.path_params["file_id"])
    room = await site.rooms.find(slug)
    identity = await site.caller(request)
    if not await site.rooms.may_see_files(slug, identity):
        raise Refused(ErrorCode.IMAGE_UNKNOWN)
    image = await site.images.store.find(room.id, file_id)
    if await site.rooms.is_deleted(slug, file_id):
        raise Refused(ErrorCode.IMAGE_UNKNOWN)
    headers = {
        "etag": f'"{file_id}"',
        "cache-control": "private, no-cache",
        "content-disposition": f'inline; filename="image.{SUFFIXES[image.media_type]}"',
        "content-security-policy": "default-src 'none'; sandbox",
    }
    if matches(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    return FileResponse(image.path, media_type=image.media_type, headers=headers)


def routes(site: Site) -> list[Route]:
    """The images of a room."""
    return [
        Route("/r/{slug}/images", partial(add_image, site=site), methods=["POST"]),
        Route("/r/{slug}/images/{file_id}", partial(send_image, site=site)),
    ]
