"""Signal messages as WebSocket frames: protobuf in binary frames, protobuf's JSON in text frames.

A client that has sent one text frame is answered in text from then on, as LiveKit does. What goes
to many is encoded once: see `Frame`.
"""

from functools import cached_property
from typing import Final, TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from livekit.protocol.rtc import SignalRequest, SignalResponse

DEEPEST_JSON: Final = 32

M = TypeVar("M", bound=Message)


class BadFrame(Exception):
    """A frame that is no signal message: the connection is closed, its participant stays."""


class Frame:
    """A response to one client or to many, encoded at most once in each form."""

    def __init__(self, response: SignalResponse) -> None:
        self.response = response

    @cached_property
    def binary(self) -> bytes:
        return self.response.SerializeToString()

    @cached_property
    def text(self) -> str:
        return to_json(self.response)


def read(data: bytes | str) -> SignalRequest:
    """Read a frame of a client. An unknown case or field is kept as unknown, not refused.

    Raises: BadFrame
    """
    request = SignalRequest()
    try:
        if isinstance(data, bytes):
            request.ParseFromString(data)
        else:
            from_json(data, request)
    except (DecodeError, json_format.ParseError, UnicodeError, RecursionError) as error:
        raise BadFrame(type(error).__name__) from error
    return request


def to_json(message: Message) -> str:
    """Write protobuf's JSON as Go's protojson does: lowerCamelCase, on one line."""
    return json_format.MessageToJson(message, indent=None, ensure_ascii=False)


def from_json(text: str, message: M) -> M:
    """Read protobuf's JSON into a message; what a newer client adds is passed over.

    Raises: json_format.ParseError
    """
    return json_format.Parse(
        text, message, ignore_unknown_fields=True, max_recursion_depth=DEEPEST_JSON
    )
