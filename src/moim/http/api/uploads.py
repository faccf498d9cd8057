"""Uploads that go on where they were cut off, by the tus protocol (`moim.http.tus`).

    POST   /r/{slug}/uploads            who sits in the room begins one
    HEAD   /r/{slug}/uploads/{file_id}  how far it is
    PATCH  /r/{slug}/uploads/{file_id}  the next bytes; after the last one the room is told
    DELETE /r/{slug}/uploads/{file_id}  never mind

Only who began an upload goes on with it, until the room bars them.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from moim.http import tus
from moim.http.files import UNFINISHED_S
from moim.http.links import room_path
from moim.http.rates import address_of
from moim.http.site import Site
from moim.meeting.errors import ErrorCode, ProtocolViolation, Refused
from moim.meeting.ids import FileId
from moim.storage.file_parts import Part
from moim.storage.files import FileRow

WRITE_BYTES: Final = 1024 * 1024
IDLE_S: Final = 60
_TRANSFER: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


async def begin(request: Request, site: Site) -> Response:
    """POST: `Upload-Length`, and `Upload-Metadata` with `filename` and perhaps `transfer`.

    Raises: `not_present`, `right_missing`, `rate_limited`, `command_malformed`, what
    `FileDesk.begin` raises, and what `guard_resource` raises.
    """
    if not tus.speaks(request.headers):
        return _other_version()
    slug: str = request.path_params["slug"]
    identity = await site.guard_resource(request)
    room = await site.rooms.find(slug)
    name = await site.rooms.writer_name(slug, identity)
    site.rates.files.take(f"a:{address_of(request)}", f"i:{identity}")
    said = tus.metadata(request.headers)
    transfer = said.get("transfer")
    if transfer is not None and not _TRANSFER.fullmatch(transfer):
        raise ProtocolViolation(ErrorCode.COMMAND_MALFORMED, "transfer")
    row = await site.files.begin(
        room.id,
        identity,
        name,
        file_name=said.get("filename", ""),
        size_bytes=tus.number(request.headers, "upload-length"),
        transfer=transfer,
    )
    if not row.size_bytes:
        await site.files.complete(row)
    place = site.links(request).to(f"{room_path(slug)}/uploads/{row.file_id}")
    return Response(status_code=201, headers={"location": place, **_told(row, 0)})


async def look(request: Request, site: Site) -> Response:
    """HEAD: `Upload-Offset`. One whose last byte is here is completed, should that be open still.

    Raises: `file_unknown`, also for who did not begin it, and what `guard_resource` raises.
    """
    if not tus.speaks(request.headers):
        return _other_version()
    row = await _mine(request, site)
    async with site.files.writing(row):
        row = await site.files.store.find(row.room_id, row.file_id)
        offset = await site.files.offset(row)
        if offset == row.size_bytes:
            await site.files.complete(row)
    return Response(status_code=200, headers=_told(row, offset))


async def go_on(request: Request, site: Site) -> Response:
    """PATCH: bytes from `Upload-Offset` on, perhaps with their `Upload-Checksum`.

    Raises: `file_unknown`, `upload_offset`, `upload_corrupt` (and nothing of it was kept),
    `file_too_large`, `storage_full`, `rate_limited`, `busy`, what `FileDesk.complete` raises, and
    what `guard_resource` raises.
    """
    if not tus.speaks(request.headers):
        return _other_version()
    if request.headers.get("content-type") != tus.CONTENT_TYPE:
        return Response(status_code=415)
    row = await _mine(request, site)
    given = tus.number(request.headers, "upload-offset")
    async with site.files.writing(row) as left:
        row = await site.files.store.find(row.room_id, row.file_id)
        if given != await site.files.offset(row):
            raise Refused(ErrorCode.UPLOAD_OFFSET)
        if given < row.size_bytes:
            part = await site.files.store.parts.open(row.room_id, row.file_id)
            try:
                await _take(request, row, part, left)
            finally:
                await part.close()
            given = part.offset
        if given == row.size_bytes:
            await site.files.complete(row)
    return Response(status_code=204, headers=_told(row, given))


async def drop(request: Request, site: Site) -> Response:
    """DELETE: its bytes are gone. A file that the room knows is deleted by `file.delete` instead.

    Raises: `file_unknown`, and what `guard_resource` raises.
    """
    if not tus.speaks(request.headers):
        return _other_version()
    row = await _mine(request, site)
    async with site.files.writing(row):
        row = await site.files.store.find(row.room_id, row.file_id)
        if row.announced:
            raise Refused(ErrorCode.FILE_UNKNOWN)
        await site.files.store.delete(row.room_id, row.file_id)
    return Response(status_code=204)


async def describe(_: Request, site: Site) -> Response:
    """OPTIONS: what this server can do."""
    headers = {
        "tus-version": tus.VERSION,
        "tus-extension": tus.EXTENSIONS,
        "tus-checksum-algorithm": ",".join(tus.ALGORITHMS),
        "tus-max-size": str(site.files.rules.max_bytes),
    }
    return Response(status_code=204, headers=headers)


async def _mine(request: Request, site: Site) -> FileRow:
    """An upload of the caller's. Raises: `file_unknown`, and what `guard_resource` raises."""
    slug: str = request.path_params["slug"]
    identity = await site.guard_resource(request)
    room = await site.rooms.find(slug)
    row = await site.files.store.find(room.id, FileId(request.path_params["file_id"]))
    if row.owner != identity or not await site.rooms.may_see_files(slug, identity):
        raise Refused(ErrorCode.FILE_UNKNOWN)
    return row


async def _take(request: Request, row: FileRow, part: Part, left: asyncio.Event) -> None:
    """Write the body behind the part. What came before a lost connection is kept."""
    begun = part.offset
    checksum = tus.checksum(request.headers)
    hashed = checksum.started() if checksum else None
    whole = False
    try:
        async for block in _blocks(request, left):
            if part.offset + len(block) > row.size_bytes:
                raise Refused(ErrorCode.FILE_TOO_LARGE)
            if hashed:
                await asyncio.to_thread(hashed.update, block)
            await part.write(block)
        whole = True
    except (ClientDisconnect, TimeoutError):
        # Nobody is there to be answered; they ask how far it is when they are back.
        pass
    finally:
        # A checksum speaks for the whole body: without it, nothing of it can be trusted.
        if checksum and (not whole or (hashed and hashed.digest() != checksum.digest)):
            await part.cut(begun)
        await part.keep()
    if checksum and hashed and whole and hashed.digest() != checksum.digest:
        raise Refused(ErrorCode.UPLOAD_CORRUPT)


async def _blocks(request: Request, left: asyncio.Event) -> AsyncIterator[bytes]:
    """The body in blocks that are worth a write. Raises: TimeoutError when nothing comes, or when
    a newer request wants the turn; ClientDisconnect. What came before is given out first."""
    block = bytearray()
    leaving = asyncio.ensure_future(left.wait())
    pieces = aiter(request.stream())
    try:
        while True:
            piece = asyncio.ensure_future(anext(pieces, None))
            await asyncio.wait(
                (piece, leaving), timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not piece.done():
                piece.cancel()
                await asyncio.gather(piece, return_exceptions=True)
                if block:
                    yield bytes(block)
                raise TimeoutError
            if isinstance(piece.exception(), ClientDisconnect):
                if block:
                    yield bytes(block)
                raise ClientDisconnect
            if (data := piece.result()) is None:
                break
            block += data
            if len(block) >= WRITE_BYTES:
                yield bytes(block)
                block.clear()
        if block:
            yield bytes(block)
    finally:
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)


def _told(row: FileRow, offset: int) -> dict[str, str]:
    told = {
        "upload-offset": str(offset),
        "upload-length": str(row.size_bytes),
        "cache-control": "no-store",
    }
    if offset < row.size_bytes:
        told["upload-expires"] = tus.date(row.created_ms / 1000 + UNFINISHED_S)
    return told


def _other_version() -> Response:
    return Response(status_code=412, headers={"tus-version": tus.VERSION})


def routes(site: Site) -> list[Route]:
    """The uploads of a room."""
    many, one = "/r/{slug}/uploads", "/r/{slug}/uploads/{file_id}"
    made = [
        Route(many, partial(begin, site=site), methods=["POST"]),
        Route(many, partial(describe, site=site), methods=["OPTIONS"]),
        Route(one, partial(look, site=site), methods=["HEAD"]),
        Route(one, partial(go_on, site=site), methods=["PATCH"]),
        Route(one, partial(drop, site=site), methods=["DELETE"]),
    ]
    for route in made:
        route.app = tus.WithVersion(route.app)
    return made
