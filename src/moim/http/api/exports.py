"""GET /r/{slug}/chat.json and chat.md: what was said in a room, as a file to keep."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from moim.http.exports import EXPORTS
from moim.http.site import Site


async def export_chat(request: Request, site: Site, ending: str) -> Response:
    """The messages of the room itself, no private ones, streamed: a long room is never whole in
    memory. For who has a seat, and for hosts.

    Raises: `not_present`, `room_unknown`, `identity_missing`, `identity_invalid`, `rate_limited`.
    """
    slug: str = request.path_params["slug"]
    identity = await site.caller(request)
    said = await site.rooms.said(slug, identity)
    site.rates.exports.take(f"i:{identity}")
    media_type, export = EXPORTS[ending]
    headers = {
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="{slug}.{ending}"',
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return StreamingResponse(export(said), media_type=media_type, headers=headers)


def routes(site: Site) -> list[Route]:
    """Both forms."""
    return [
        Route(f"/r/{{slug}}/chat.{ending}", partial(export_chat, site=site, ending=ending))
        for ending in EXPORTS
    ]
