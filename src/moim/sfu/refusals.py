"""What the SFU refuses, with the words and the HTTP status that LiveKit's clients know.

    Refusal                 a request that is answered with a status and a text
    └─ the names below      one for each thing that can be wrong

Source: livekit pkg/service/errors.go for the texts; twitchtv/twirp "Errors" for the codes.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a request is refused: Twirp's code, the HTTP status on every door, LiveKit's words."""

    code: str
    status: int
    text: str


class Refusal(Exception):
    """A request that is not served. Nothing has changed when it is raised."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.text)
        self.reason = reason


def _unauthenticated(text: str) -> Reason:
    return Reason("unauthenticated", 401, text)


def _invalid(text: str) -> Reason:
    return Reason("invalid_argument", 400, text)


def _not_found(text: str) -> Reason:
    return Reason("not_found", 404, text)


BAD_HEADER: Final = _unauthenticated("invalid authorization header. Must start with Bearer ")
BAD_TOKEN: Final = _unauthenticated("invalid authorization token")
REVOKED: Final = _unauthenticated("token was revoked")
BAD_KEY: Final = _unauthenticated("invalid API key")
DENIED: Final = _unauthenticated("permissions denied")
NO_IDENTITY: Final = _invalid("participant identity cannot be empty")
NO_ROOM_NAME: Final = _invalid("room name cannot be empty")
LONG_IDENTITY: Final = _invalid("participant identity length exceeds limits")
LONG_NAME: Final = _invalid("name length exceeds limits")
LONG_ROOM_NAME: Final = _invalid("room name length exceeds limits")
LONG_METADATA: Final = _invalid("metadata size exceeds limits")
LONG_ATTRIBUTES: Final = _invalid("attribute size exceeds limits")
LONG_DATA: Final = _invalid("data size exceeds limits")
BAD_JOIN_REQUEST: Final = _invalid("cannot decode join request")
BAD_ATTRIBUTES: Final = _invalid("cannot decode attributes")
BAD_NONCE: Final = _invalid("nonce should be 16 bytes or not be set")
ROOM_NOT_FOUND: Final = _not_found("requested room does not exist")
PARTICIPANT_NOT_FOUND: Final = _not_found("participant does not exist")
TRACK_NOT_FOUND: Final = _not_found("track is not found")
REMOTE_UNMUTE_OFF: Final = Reason("failed_precondition", 412, "remote unmute not enabled")
SERVER_FULL: Final = Reason("unavailable", 503, "the server has reached its limits")
UNIMPLEMENTED: Final = Reason("unimplemented", 501, "not implemented by this server")
