"""The tus protocol's headers: a resumable upload, piece by piece over any number of requests.

Source: tus resumable upload protocol 1.0.0, with its extensions creation, checksum, expiration and
termination.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moim.meeting.errors import ErrorCode, ProtocolViolation

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,checksum,expiration,termination"
ALGORITHMS: Final = ("sha256", "sha1")
CONTENT_TYPE: Final = "application/offset+octet-stream"
MOST_METADATA: Final = 4096
MOST_DIGITS: Final = 15


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a request says that its bytes amount to."""

    algorithm: str
    digest: bytes

    def started(self) -> "hashlib._Hash":
        """A hash to be fed with the bytes."""
        return hashlib.new(self.algorithm, usedforsecurity=False)


def speaks(headers: Headers) -> bool:
    """Whether a request is of the version that we speak."""
    return headers.get("tus-resumable") == VERSION


def number(headers: Headers, name: str) -> int:
    """A count of bytes. Raises: `command_malformed`."""
    given = headers.get(name, "")
    if not (given.isascii() and given.isdigit() and len(given) <= MOST_DIGITS):
        raise ProtocolViolation(ErrorCode.COMMAND_MALFORMED, name)
    return int(given)


def metadata(headers: Headers) -> Mapping[str, str]:
    """`Upload-Metadata`: pairs of a key and a value in Base64. Raises: `command_malformed`."""
    given = headers.get("upload-metadata", "")
    if len(given) > MOST_METADATA:
        raise ProtocolViolation(ErrorCode.COMMAND_MALFORMED, "upload-metadata")
    found: dict[str, str] = {}
    for pair in filter(None, (pair.strip() for pair in given.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            raise ProtocolViolation(ErrorCode.COMMAND_MALFORMED, "upload-metadata") from None
    return found


def checksum(headers: Headers) -> Checksum | None:
    """`Upload-Checksum`, if there is one. Raises: `command_malformed`."""
    given = headers.get("upload-checksum")
    if given is None:
        return None
    algorithm, _, value = given.partition(" ")
    if algorithm not in ALGORITHMS:
        raise ProtocolViolation(ErrorCode.COMMAND_MALFORMED, "upload-checksum")
    try:
        return Checksum(algorithm, base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        raise ProtocolViolation(ErrorCode.COMMAND_MALFORMED, "upload-checksum") from None


def date(at_s: float) -> str:
    """A moment as `Upload-Expires` has it. Source: RFC 9110, section 5.6.7."""
    return formatdate(at_s, usegmt=True)


class WithVersion:
    """Every answer names the version, refusals too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the header on the answer."""

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["tus-resumable"] = VERSION
            await send(message)

        await self.app(scope, receive, named)
