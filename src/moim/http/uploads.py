"""Reading an uploaded file from a request body, with its limit in bytes and in time."""

import asyncio

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

from moim.meeting.errors import ErrorCode, ProtocolViolation, Refused, Unavailable

TIMEOUT_S = 180
# Room for the lines around the file in a multipart body.
ENVELOPE_BYTES = 8 * 1024
# How much more is read of a file that is too large: a browser that is cut off while it sends sees a
# broken connection instead of the answer.
PATIENCE = 3


async def read_upload(request: Request, max_bytes: int) -> bytes:
    """The file of a raw body, or the only file of a multipart one.

    Raises: `image_too_large`, `command_malformed` (not one file), `busy` (too slow).
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes * PATIENCE:
        raise Refused(ErrorCode.IMAGE_TOO_LARGE)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
                return await _only_file(request, max_bytes)
            return await _raw(request, max_bytes)
    except TimeoutError:
        raise Unavailable(ErrorCode.BUSY, "the upload took too long") from None


async def _raw(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    seen = 0
    async for chunk in request.stream():
        seen += len(chunk)
        if seen <= max_bytes:
            body += chunk
        elif seen > max_bytes * PATIENCE:
            break
    if seen > max_bytes:
        raise Refused(ErrorCode.IMAGE_TOO_LARGE)
    return bytes(body)


async def _only_file(request: Request, max_bytes: int) -> bytes:
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await request.receive()
        seen += len(message.get("body", b""))
        if seen > max_bytes + ENVELOPE_BYTES:
            raise Refused(ErrorCode.IMAGE_TOO_LARGE)
        return message

    try:
        async with Request(request.scope, limited).form(max_files=1, max_fields=4) as form:
            files = [value for value in form.values() if isinstance(value, UploadFile)]
            if len(files) != 1:
                raise ProtocolViolation(ErrorCode.COMMAND_MALFORMED)
            data = await files[0].read(max_bytes + 1)
    except MultiPartException:
        raise ProtocolViolation(ErrorCode.COMMAND_MALFORMED) from None
    if len(data) > max_bytes:
        raise Refused(ErrorCode.IMAGE_TOO_LARGE)
    return data
