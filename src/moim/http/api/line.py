"""What a browser asks for that looks at its line before joining: bytes down, bytes up, and a way
to the SFU that leads to nobody. All of it for who may see the room's page, and not too often."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import asdict
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from moim.http.entrance import approach
from moim.http.rates import address_of
from moim.http.site import Site
from moim.meeting.errors import ErrorCode, Refused, Unavailable

DOWN_BYTES: Final = 2 * 1024 * 1024
UP_BYTES: Final = 512 * 1024
"""Below what a proxy passes on unless told otherwise (nginx: 1 MiB)."""
UP_S: Final = 10
CHUNK_BYTES: Final = 64 * 1024
# Whatever stands between may neither keep them nor make them smaller.
HEADERS: Final = {"cache-control": "no-store, no-transform"}


async def bytes_down(request: Request, site: Site) -> Response:
    """GET: bytes that nothing makes smaller; a browser stops reading when it has seen enough.

    Raises: `room_unknown`, `room_full`, `identity_missing`, `identity_invalid`, `rate_limited`.
    """
    identity = await site.caller(request)
    await approach(site, await site.rooms.find(request.path_params["slug"]), identity)
    site.rates.lines.take(f"a:{address_of(request)}")
    headers = {**HEADERS, "content-length": str(DOWN_BYTES)}
    return StreamingResponse(_noise(), media_type="application/octet-stream", headers=headers)


async def _noise() -> AsyncIterator[bytes]:
    for _ in range(DOWN_BYTES // CHUNK_BYTES):
        yield os.urandom(CHUNK_BYTES)


async def bytes_up(request: Request, site: Site) -> Response:
    """POST: bytes that are counted and dropped; 204 once the last one is here.

    Raises: `frame_too_large`, and what `bytes_down` and `guard_resource` raise.
    """
    identity = await site.guard_resource(request)
    await approach(site, await site.rooms.find(request.path_params["slug"]), identity)
    site.rates.lines.take(f"a:{address_of(request)}")
    seen = 0
    try:
        async with asyncio.timeout(UP_S):
            async for chunk in request.stream():
                seen += len(chunk)
                if seen > UP_BYTES:
                    raise Refused(ErrorCode.FRAME_TOO_LARGE)
    except TimeoutError:
        raise Unavailable(ErrorCode.BUSY, "the bytes took too long") from None
    return Response(status_code=204, headers=HEADERS)


async def sfu_trial(request: Request, site: Site) -> Response:
    """POST: `{url, token}` for a place on the SFU where nobody is seen or heard.

    Raises: `sfu_missing`, and what `bytes_down` and `guard_resource` raise; Unavailable.
    """
    identity = await site.guard_resource(request)
    room = await site.rooms.find(request.path_params["slug"])
    await approach(site, room, identity)
    site.rates.trials.take(f"a:{address_of(request)}")
    access = await site.rooms.sfu_trial(room.slug)
    return JSONResponse(asdict(access), headers={"cache-control": "no-store"})


def routes(site: Site) -> list[Route]:
    """The line of who stands before a room."""
    return [
        Route("/r/{slug}/line", partial(bytes_down, site=site)),
        Route("/r/{slug}/line", partial(bytes_up, site=site), methods=["POST"]),
        Route("/r/{slug}/sfu-trial", partial(sfu_trial, site=site), methods=["POST"]),
    ]
