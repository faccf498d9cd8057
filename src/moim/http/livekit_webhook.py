"""Where a LiveKit server says that something happened in a room: POST /api/livekit/webhook.

A LiveKit server signs what it says with the key that both know, so nothing else is asked for.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

PATH = "/api/livekit/webhook"
LARGEST_BYTES = 256 * 1024

Hear = Callable[[str, str], Awaitable[bool]]
"""Takes the body and the token; False when it is not from the SFU."""


def route(hear: Hear) -> Route:
    """The one route."""

    async def webhook(request: Request) -> Response:
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > LARGEST_BYTES:
                return PlainTextResponse("too large", 413)
            parts.append(part)
        body = b"".join(parts).decode(errors="replace")
        heard = await hear(body, request.headers.get("authorization", ""))
        return PlainTextResponse("", 200 if heard else 401)

    return Route(PATH, webhook, methods=["POST"])
