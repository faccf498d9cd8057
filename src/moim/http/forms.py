"""Reading the small forms of the pages, guarded: size, origin and CSRF token."""

import asyncio
from urllib.parse import parse_qsl

from starlette.requests import Request

from moim.http.site import CSRF_FIELD, Site
from moim.meeting.errors import ErrorCode, ProtocolViolation, Refused, Unavailable
from moim.meeting.ids import Identity

MOST_BYTES = 64 * 1024
MOST_FIELDS = 20
TIMEOUT_S = 30


async def read_form(request: Request) -> dict[str, str]:
    """The fields of an urlencoded form; of two with one name the last.

    Raises: `frame_too_large`, `command_malformed`, `busy` (too slow).
    """
    body = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise Refused(ErrorCode.FRAME_TOO_LARGE)
    except TimeoutError:
        raise Unavailable(ErrorCode.BUSY, "the form took too long") from None
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except ValueError:
        raise ProtocolViolation(ErrorCode.COMMAND_MALFORMED) from None
    return dict(pairs)


async def guarded_form(
    request: Request, site: Site, *, null_origin: bool = False
) -> tuple[Identity, dict[str, str]]:
    """The sender and the fields of a form that really is one of ours.

    Raises: `origin_refused`, `csrf_failed`, and what `read_form` raises.
    """
    site.origins.check(request, null_is_fine=null_origin)
    fields = await read_form(request)
    identity = await site.identities.identify(request)
    site.identities.check_csrf(identity, fields.get(CSRF_FIELD))
    assert identity is not None  # noqa: S101 - narrows, check_csrf has refused None
    return identity, fields
