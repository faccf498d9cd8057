"""WebSocket frames that are the same for everybody who gets them.

A server's frames are not masked, so what 200 browsers hear is one string of bytes. The server's
protocol (`moim.signalling.wire`) offers to write such bytes at once, without waking a task for
each of them. It says no while anything else waits to be written: then the queue takes the message,
in its order and within its bounds.

Source: RFC 6455, section 5.2.
"""

from typing import Any, Final, Protocol

EXTENSION: Final = "moim.frames"
_TEXT: Final = 0x81
"""A final frame of text."""


class Frames(Protocol):
    """One open WebSocket."""

    def write_frame(self, frame: bytes) -> bool:
        """Write a whole frame now. False, and nothing is written, when it cannot be done at once
        and in order."""


def text_frame(text: str) -> bytes:
    """A text message as one frame."""
    payload = text.encode()
    length = len(payload)
    if length < 126:
        head = bytes((_TEXT, length))
    elif length < 65_536:
        head = bytes((_TEXT, 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((_TEXT, 127)) + length.to_bytes(8, "big")
    return head + payload


def frames_of(scope: Any) -> Frames | None:
    """What a server offers for this WebSocket; None where it is another server than ours."""
    found: Frames | None = (scope.get("extensions") or {}).get(EXTENSION)
    return found
